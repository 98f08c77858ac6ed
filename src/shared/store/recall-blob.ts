import { isDigest, type Digest } from "../digest.ts";
import type { Store, StoredBlob } from "./store.ts";

/** The blob remembered for this kind and key, where it was remembered and is still there. */
export async function recallBlob(store: Store, kind: string, key: Digest): Promise<StoredBlob | undefined> {
  const blob = asStoredBlob(await store.recall(kind, key));
  return blob !== undefined && (await store.has(blob.digest)) ? blob : undefined;
}

/** undefined for anything that is not a stored blob, a damaged cache entry for one. */
export function asStoredBlob(value: unknown): StoredBlob | undefined {
  if (typeof value !== "object" || value === null || !("digest" in value) || !("sizeBytes" in value))
    return undefined;
  const { digest, sizeBytes } = value;
  if (typeof digest !== "string" || !isDigest(digest)) return undefined;
  if (typeof sizeBytes !== "number" || !Number.isSafeInteger(sizeBytes)) return undefined;
  return { digest, sizeBytes };
}
