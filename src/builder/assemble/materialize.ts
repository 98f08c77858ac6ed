import { chmod, mkdir, open, link, symlink, utimes, type FileHandle } from "node:fs/promises";
import { compareCodeUnits } from "../../shared/order.ts";
import { parentOf, safeJoin } from "../../shared/relative-path.ts";
import { diskError, type Store } from "../../shared/store/store.ts";
import type { Digest } from "../../shared/digest.ts";
import type { Tree, TreeNode } from "./tree.ts";

type FileNode = Extract<TreeNode, { kind: "file" }>;

const PERMISSIONS = 0o1777;

/**
 * Writes a tree as files into a new folder, without being root: everything belongs to who runs this, setuid and setgid are
 * left out. Each blob is read once and verified. Throws STORE_DAMAGED (integrity) and DISK_FULL (preflight); what is there by
 * then is the caller's to remove.
 */
export async function materialize(
  tree: Tree,
  folder: string,
  { store }: { readonly store: Store },
): Promise<void> {
  assertFolders(tree);
  try {
    await mkdir(folder);
    for (const node of tree) if (node.kind === "directory") await mkdir(safeJoin(folder, node.path));
    for (const [blob, files] of filesByBlob(tree)) await writeFiles(files, folder, store.read(blob));
    for (const node of tree) {
      if (node.kind === "symlink") await symlink(node.target, safeJoin(folder, node.path));
      if (node.kind === "hardlink") await link(safeJoin(folder, node.target), safeJoin(folder, node.path));
    }
    // Last, and the deepest first: a folder may deny its owner to write, and each entry made changes its date.
    for (const node of tree.toReversed()) {
      if (node.kind !== "directory") continue;
      await chmod(safeJoin(folder, node.path), node.mode & PERMISSIONS);
      await utimes(safeJoin(folder, node.path), node.mtime, node.mtime);
    }
  } catch (error) {
    throw diskError(error, folder);
  }
}

/** With every parent a folder of the tree itself, no path leads through a link. */
function assertFolders(tree: Tree): void {
  const folders = new Set<string>();
  for (const { kind, path } of tree) {
    const parent = parentOf(path);
    if (parent !== undefined && !folders.has(parent)) throw new Error(`"${path}" stands before its folder`);
    if (kind === "directory") folders.add(path);
  }
}

function filesByBlob(tree: Tree): readonly (readonly [Digest, readonly FileNode[]])[] {
  const byBlob = new Map<Digest, FileNode[]>();
  for (const node of tree) {
    if (node.kind !== "file") continue;
    const files = byBlob.get(node.content.blob);
    if (files === undefined) byBlob.set(node.content.blob, [node]);
    else files.push(node);
  }
  return [...byBlob].sort(([a], [b]) => compareCodeUnits(a, b));
}

/** Several files may have the same content: each is written as its bytes come by. */
async function writeFiles(
  files: readonly FileNode[],
  folder: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const waiting = files.toSorted((a, b) => a.content.offset - b.content.offset);
  let underWay: OpenFile[] = [];
  let next = 0;
  let position = 0;
  try {
    for await (const chunk of chunks) {
      const end = position + chunk.length;
      for (let file = waiting[next]; file !== undefined && file.content.offset < end; file = waiting[next]) {
        underWay.push(await create(file, folder));
        next += 1;
      }
      const range = { chunk, start: position, end };
      for (const { node, handle } of underWay) await handle.writeFile(partOf(node, range));
      const finished = underWay.filter(({ node }) => endOf(node) <= end);
      underWay = underWay.filter(({ node }) => endOf(node) > end);
      for (const file of finished) await close(file);
      position = end;
    }
    // Empty files may lie at the very end.
    for (const file of waiting.slice(next)) underWay.push(await create(file, folder));
    const [cut] = underWay.filter(({ node }) => endOf(node) > position);
    if (cut !== undefined) throw new Error(`The content of "${cut.node.path}" goes beyond its blob`);
    for (const file of underWay.splice(0)) await close(file);
  } finally {
    for (const { handle } of underWay) await handle.close();
  }
}

type OpenFile = { readonly node: FileNode; readonly handle: FileHandle };

async function create(node: FileNode, folder: string): Promise<OpenFile> {
  return { node, handle: await open(safeJoin(folder, node.path), "wx", 0o600) };
}

async function close({ node, handle }: OpenFile): Promise<void> {
  try {
    await handle.chmod(node.mode & PERMISSIONS);
    await handle.utimes(node.mtime, node.mtime);
  } finally {
    await handle.close();
  }
}

function partOf(
  { content }: FileNode,
  range: { readonly chunk: Uint8Array; readonly start: number; readonly end: number },
): Uint8Array {
  const from = Math.max(content.offset - range.start, 0);
  const to = Math.min(content.offset + content.sizeBytes, range.end) - range.start;
  return range.chunk.subarray(from, Math.max(to, from));
}

function endOf({ content }: FileNode): number {
  return content.offset + content.sizeBytes;
}
