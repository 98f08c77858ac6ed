/** Git's tree objects: "<mode> <name>\0" and the 20 bytes of an id for each entry, folders sorted as if they ended in a slash. */
import { AppError } from "../../../shared/errors.ts";
import type { RelativePath } from "../../../shared/relative-path.ts";
import { objectId } from "./git-object.ts";

/** Regular file, program, symlink. A submodule (160000) has no content in the tree and cannot be a part of a source. */
export type GitMode = "100644" | "100755" | "120000";

export type TreeEntry = { readonly path: RelativePath; readonly mode: GitMode; readonly id: string };

type Folder = Map<string, Folder | TreeEntry>;

/** The id of the tree that holds exactly these files. Throws AppError SOURCE_PATH_TWICE (integrity). */
export function treeId(entries: Iterable<TreeEntry>): string {
  const root: Folder = new Map();
  for (const entry of entries) insert(root, entry);
  return folderId(root);
}

function insert(root: Folder, entry: TreeEntry): void {
  const parts = entry.path.split("/");
  const name = parts.pop() ?? "";
  let folder = root;
  for (const part of parts) {
    const next = folder.get(part) ?? new Map();
    if (!(next instanceof Map)) throw pathTwice(entry.path);
    folder.set(part, next);
    folder = next;
  }
  if (folder.has(name)) throw pathTwice(entry.path);
  folder.set(name, entry);
}

function folderId(folder: Folder): string {
  const rows = [...folder].map(([name, item]) =>
    item instanceof Map
      ? { name, mode: "40000", id: folderId(item), order: Buffer.from(`${name}/`) }
      : { name, mode: item.mode, id: item.id, order: Buffer.from(name) },
  );
  rows.sort((a, b) => Buffer.compare(a.order, b.order));
  const parts = rows.flatMap(({ name, mode, id }) => [
    Buffer.from(`${mode} ${name}\0`),
    Buffer.from(id, "hex"),
  ]);
  return objectId("tree", Buffer.concat(parts));
}

function pathTwice(path: string): AppError {
  return new AppError(
    { class: "integrity", code: "SOURCE_PATH_TWICE" },
    `Cannot read the source tree: ${JSON.stringify(path)} names two things`,
    { fields: { path } },
  );
}
