import type { Store } from "../../shared/store/store.ts";
import type { Tree } from "../assemble/tree.ts";

/**
 * Hashes every blob that a tree draws from. Ranges of a blob are read without its digest being looked at, so whoever makes
 * something lasting out of ranges calls this first. Throws STORE_DAMAGED (integrity).
 */
export async function verifyContents(tree: Tree, { store }: { readonly store: Store }): Promise<void> {
  const blobs = new Set(tree.flatMap((node) => (node.kind === "file" ? [node.content.blob] : [])));
  for (const blob of blobs) await store.verify(blob);
}
