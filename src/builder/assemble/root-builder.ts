/** The one mutable thing in assembling: a root that grows by placing nodes, and that knows what is new above the layer below. */
import { compareCodeUnits } from "../../shared/order.ts";
import { parentOf, type RelativePath } from "../../shared/relative-path.ts";
import { DIRECTORY_MODE, OLDEST_EPOCH } from "../format.ts";
import { fileConflict } from "./file-conflict.ts";
import type { Content, Tree, TreeNode } from "./tree.ts";

/** A node of which several names may be one file: those with the same `group` become hard links of one another. */
export type Entry = (Exclude<TreeNode, { kind: "hardlink" }> & { readonly group?: string }) & {
  /** Package, or "" for what cloister made; undefined where the entry belongs to the layer below. */
  readonly owner?: string;
};

export type OwnedEntry = Entry & { readonly owner: string };
export type FileEntry = Extract<Entry, { kind: "file" }>;

export type RootBuilder = {
  readonly epoch: number;
  get(path: RelativePath): Entry | undefined;
  /** Whether anything lies below this folder. */
  hasBelow(path: RelativePath): boolean;
  /** Puts the entry there whatever was there before; makes parents that are missing. Throws FILE_CONFLICT where one is no folder. */
  set(entry: OwnedEntry): void;
  remove(path: RelativePath): void;
  entries(): Iterable<Entry>;
  finish(): { readonly layer: Tree; readonly root: Tree };
};

export function createRootBuilder(below: Tree, epoch: number): RootBuilder {
  const entries = new Map<RelativePath, Entry>(entriesOf(below).map((entry) => [entry.path, entry]));

  const makeParents = (entry: Entry): void => {
    const path = parentOf(entry.path);
    if (path === undefined) return;
    const known = entries.get(path);
    if (known?.kind === "directory") return;
    if (known !== undefined) throw fileConflict(entry, known);
    const parent = {
      path,
      kind: "directory",
      mode: DIRECTORY_MODE,
      uid: 0,
      gid: 0,
      mtime: epoch,
      owner: "",
    } as const;
    makeParents(parent);
    entries.set(path, parent);
  };

  return {
    epoch,
    get: (path) => entries.get(path),
    hasBelow: (path) => [...entries.keys()].some((other) => other.startsWith(`${path}/`)),
    set: (entry) => {
      makeParents(entry);
      const mtime = Math.max(OLDEST_EPOCH, Math.min(entry.mtime, epoch));
      entries.set(entry.path, { ...entry, mtime });
    },
    remove: (path) => {
      entries.delete(path);
    },
    entries: () => entries.values(),
    finish: () => {
      const sorted = [...entries.values()].sort((a, b) => compareCodeUnits(a.path, b.path));
      const inLayer = new Set<RelativePath>();
      for (const { owner, path } of sorted) if (owner !== undefined) addWithParents(path, inLayer);
      return {
        layer: toTree(sorted.filter(({ path }) => inLayer.has(path))),
        root: toTree(sorted),
      };
    },
  };
}

function addWithParents(path: RelativePath, into: Set<RelativePath>): void {
  for (let one: RelativePath | undefined = path; one !== undefined && !into.has(one); one = parentOf(one))
    into.add(one);
}

function entriesOf(tree: Tree): readonly Entry[] {
  const contents = new Map<RelativePath, Content>();
  return tree.map((node): Entry => {
    if (node.kind === "file") contents.set(node.path, node.content);
    if (node.kind !== "hardlink") return node.kind === "file" ? { ...node, group: `\0${node.path}` } : node;
    const content = contents.get(node.target);
    if (content === undefined) throw new Error(`Hard link "${node.path}" stands before its target`);
    const { target, ...metadata } = node;
    return { ...metadata, kind: "file", content, group: `\0${target}` };
  });
}

/** The first name of a group in the tree's order is the file, the others link to it: whoever unpacks in order can. */
function toTree(sorted: readonly Entry[]): Tree {
  const first = new Map<string, RelativePath>();
  return sorted.map((entry): TreeNode => {
    const { owner: _owner, group, ...node } = entry;
    if (node.kind !== "file" || group === undefined) return node;
    const target = first.get(group);
    if (target === undefined) {
      first.set(group, node.path);
      return node;
    }
    const { content: _content, ...metadata } = node;
    return { ...metadata, kind: "hardlink", target };
  });
}
