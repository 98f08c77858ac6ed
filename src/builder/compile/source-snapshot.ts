import { createTarIndexer, type IndexedMember } from "../../shared/tar/index-tar.ts";
import type { Digest } from "../../shared/digest.ts";
import { byKey } from "../../shared/order.ts";
import { parseMemberPath } from "../../shared/relative-path.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Tree, TreeNode } from "../assemble/tree.ts";

export type SourceSnapshot = {
  readonly tree: Tree;
  /** The newest date in it: the committer's. Seconds since 1970. */
  readonly date: number;
};

/** Reads the source's canonical tar out of the store, which checks its digest on the way. */
export async function readSourceTree(tar: Digest, store: Store): Promise<SourceSnapshot> {
  const indexer = createTarIndexer(tar);
  for await (const chunk of store.read(tar)) indexer.push(chunk);
  const nodes = indexer.finish().map((member) => toNode(member, tar));
  return {
    tree: nodes.sort(byKey(({ path }) => path)),
    date: nodes.reduce((newest, { mtime }) => Math.max(newest, mtime), 0),
  };
}

/** The tar is our own, from the fetch stage: what that never writes is a defect. */
function toNode(member: IndexedMember, blob: Digest): TreeNode {
  const path = parseMemberPath(member.path);
  if (path === undefined) throw new Error("A canonical tar holds its own root");
  const { mode, uid, gid, mtime, offset, sizeBytes } = member;
  const common = { path, mode, uid, gid, mtime };
  switch (member.kind) {
    case "directory":
      return { ...common, kind: "directory" };
    case "symlink":
      return { ...common, kind: "symlink", target: member.linkTarget };
    case "file":
      return { ...common, kind: "file", content: { blob, offset, sizeBytes } };
    case "hardlink":
    case "fifo":
    case "character device":
    case "block device":
      throw new Error(`A canonical tar holds a ${member.kind}: ${path}`);
  }
}
