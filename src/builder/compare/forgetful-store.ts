import type { Store } from "../../shared/store/store.ts";

/** The same contents, but nothing that was derived from them before is recalled, save for the kinds named. */
export function forgetfulStore(store: Store, kept: readonly string[] = []): Store {
  return {
    ...store,
    recall: async (kind, key) => (kept.includes(kind) ? await store.recall(kind, key) : undefined),
  };
}
