import { canonicalJson } from "../../shared/canonical-json.ts";
import { digestOf } from "../../shared/digest.ts";
import { recallBlob } from "../../shared/store/recall-blob.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import { createRangeReader, type RangeReader } from "../../shared/tar/ranges.ts";
import { writeTar, type TarSource } from "../../shared/tar/write.ts";
import type { Tree, TreeNode } from "../assemble/tree.ts";
import { FORMAT } from "../format.ts";
import { verifyContents } from "./verify-contents.ts";

/**
 * The uncompressed layer tar of a tree, in the store: its digest is blob digest and diff id at once. Made once per tree.
 * Throws STORE_DAMAGED (integrity) where a blob that the tree draws from no longer has its digest.
 */
export async function writeLayer(tree: Tree, deps: { readonly store: Store }): Promise<StoredBlob> {
  const { store } = deps;
  const key = digestOf(canonicalJson({ format: FORMAT, tree }));
  const known = await recallBlob(store, "layer", key);
  if (known !== undefined) return known;
  assertOrdered(tree);
  await verifyContents(tree, deps);
  const ranges = createRangeReader();
  try {
    const blob = await store.add(writeTar(tree.map((node) => tarSource(node, { store, ranges }))));
    await store.remember("layer", key, blob);
    return blob;
  } finally {
    await ranges.close();
  }
}

function tarSource(node: TreeNode, deps: { store: Store; ranges: RangeReader }): TarSource {
  const { path, kind, mode, uid, gid, mtime } = node;
  const member = { path, kind, mode, uid, gid, mtime, sizeBytes: 0, linkTarget: "" };
  switch (node.kind) {
    case "directory":
      return member;
    case "symlink":
    case "hardlink":
      return { ...member, linkTarget: node.target };
    case "file": {
      const { blob, sizeBytes } = node.content;
      return {
        ...member,
        sizeBytes,
        content: () => deps.ranges.read(deps.store.pathOf(blob), node.content),
      };
    }
  }
}

/** An engine unpacks in order: parents first, a hard link after its target, nothing twice. */
function assertOrdered(tree: Tree): void {
  const kinds = new Map<string, TreeNode["kind"]>();
  let previous = "";
  for (const node of tree) {
    const { path } = node;
    if (path <= previous) throw new Error(`Layer is not sorted: "${path}" follows "${previous}"`);
    const slash = path.lastIndexOf("/");
    if (slash !== -1 && kinds.get(path.slice(0, slash)) !== "directory")
      throw new Error(`Layer has "${path}" and not its parent folder`);
    if (node.kind === "hardlink" && kinds.get(node.target) !== "file")
      throw new Error(`Layer has hard link "${path}" before its target "${node.target}"`);
    kinds.set(path, node.kind);
    previous = path;
  }
}
