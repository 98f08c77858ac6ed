import type { Tree, TreeNode } from "./tree.ts";

/** The nodes of a root by path, and where a path leads within it, links followed. */
export type RootView = {
  readonly nodes: ReadonlyMap<string, TreeNode>;
  /** By folder, "" for the root: names in code-unit order. */
  readonly names: ReadonlyMap<string, readonly string[]>;
};

const MAX_LINKS = 40;

export function viewRoot(root: Tree): RootView {
  const names = new Map<string, string[]>();
  for (const { path } of root) {
    const cut = path.lastIndexOf("/");
    const folder = cut === -1 ? "" : path.slice(0, cut);
    const list = names.get(folder);
    if (list === undefined) names.set(folder, [path.slice(cut + 1)]);
    else list.push(path.slice(cut + 1));
  }
  return { nodes: new Map(root.map((node) => [node.path, node])), names };
}

/**
 * The path without symlinks in it that `path` leads to, "" for the root itself; undefined where it leads nowhere or round in
 * circles. A ".." above the root stays there, as in a root that a process lives in.
 */
export function resolvePath({ nodes }: RootView, path: string): string | undefined {
  const pending = path.split("/").toReversed();
  const done: string[] = [];
  let links = 0;
  while (pending.length > 0) {
    const part = pending.pop();
    if (part === undefined || part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const node = nodes.get([...done, part].join("/"));
    if (node === undefined) return undefined;
    if (node.kind !== "symlink") {
      if (node.kind !== "directory" && pending.some((one) => one !== "" && one !== ".")) return undefined;
      done.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    if (node.target.startsWith("/")) done.length = 0;
    pending.push(...node.target.split("/").toReversed());
  }
  return done.join("/");
}

/** The content of the file that `path` leads to. */
export function resolveFile(view: RootView, path: string): Extract<TreeNode, { kind: "file" }> | undefined {
  const resolved = resolvePath(view, path);
  const node = resolved === undefined ? undefined : view.nodes.get(resolved);
  const file = node?.kind === "hardlink" ? view.nodes.get(node.target) : node;
  return file?.kind === "file" ? file : undefined;
}
