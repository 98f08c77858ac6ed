/** What an origin hands over, before anything about it is believed; and the proof: commit -> tree -> files. */
import { AppError } from "../../../shared/errors.ts";
import { byKey } from "../../../shared/order.ts";
import { parentOf, type RelativePath } from "../../../shared/relative-path.ts";
import type { Store, StoredBlob } from "../../../shared/store/store.ts";
import { createRangeReader, type RangeReader } from "../../../shared/tar/ranges.ts";
import { writeTar, type TarSource } from "../../../shared/tar/write.ts";
import { DIRECTORY_MODE, FILE_MODE, PROGRAM_MODE } from "../../format.ts";
import { createObjectHasher, objectId, parseCommit } from "./git-object.ts";
import { treeId, type GitMode, type TreeEntry } from "./git-tree.ts";

export type SourceFiles = {
  /** Content of the commit object. */
  readonly commit: Uint8Array;
  /** A host file that holds the contents. */
  readonly path: string;
  readonly files: readonly SourceFile[];
};

export type SourceFile =
  | {
      readonly path: RelativePath;
      readonly mode: "100644" | "100755";
      readonly offset: number;
      readonly sizeBytes: number;
    }
  | { readonly path: RelativePath; readonly mode: "120000"; readonly target: string };

export type SourcePin = { readonly commit: string; readonly tree: string };

const SYMLINK_MODE = 0o777;

/**
 * Hashes everything anew, and only then writes the tree's canonical tar into the store: sorted, folders before what is in
 * them, owner 0, every date the committer's, so that each origin gives the same bytes.
 * Throws AppError SOURCE_COMMIT_DIFFERS, SOURCE_TREE_DIFFERS, SOURCE_PATH_TWICE (integrity).
 */
export async function proveFiles(source: SourceFiles, pin: SourcePin, store: Store): Promise<StoredBlob> {
  const commit = parseCommit(source.commit, pin.commit);
  if (commit.tree !== pin.tree)
    throw treeDiffers(`Commit ${pin.commit} is of another tree`, pin, commit.tree);
  const ranges = createRangeReader();
  try {
    const received = treeId(await hashFiles(source, ranges));
    if (received !== pin.tree) throw treeDiffers("The files are not the tree", pin, received);
    return await store.add(writeTar(tarMembers(source, commit.committedAt, ranges)));
  } finally {
    await ranges.close();
  }
}

async function hashFiles(source: SourceFiles, ranges: RangeReader): Promise<readonly TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for (const file of source.files)
    entries.push({ path: file.path, mode: file.mode, id: await blobId(file, source.path, ranges) });
  return entries;
}

async function blobId(file: SourceFile, path: string, ranges: RangeReader): Promise<string> {
  if (file.mode === "120000") return objectId("blob", Buffer.from(file.target));
  const hasher = createObjectHasher("blob", file.sizeBytes);
  for await (const chunk of ranges.read(path, file)) hasher.update(chunk);
  return hasher.finish();
}

function tarMembers(source: SourceFiles, mtime: number, ranges: RangeReader): readonly TarSource[] {
  const folders = new Set<RelativePath>();
  for (const { path } of source.files)
    for (let at = parentOf(path); at !== undefined && !folders.has(at); at = parentOf(at)) folders.add(at);
  const common = { uid: 0, gid: 0, mtime, linkTarget: "", sizeBytes: 0 };
  const members: TarSource[] = [
    ...[...folders].map((path) => ({ ...common, path, kind: "directory" as const, mode: DIRECTORY_MODE })),
    ...source.files.map((file): TarSource =>
      file.mode === "120000"
        ? { ...common, path: file.path, kind: "symlink", mode: SYMLINK_MODE, linkTarget: file.target }
        : {
            ...common,
            path: file.path,
            kind: "file",
            mode: permissions(file.mode),
            sizeBytes: file.sizeBytes,
            content: () => ranges.read(source.path, file),
          },
    ),
  ];
  return members.sort(byKey((member) => member.path));
}

function permissions(mode: Exclude<GitMode, "120000">): number {
  return mode === "100755" ? PROGRAM_MODE : FILE_MODE;
}

function treeDiffers(what: string, pin: SourcePin, received: string): AppError {
  return new AppError(
    { class: "integrity", code: "SOURCE_TREE_DIFFERS" },
    `Cannot use the source as commit ${pin.commit}: ${what.toLowerCase()}: received tree ${received}, expected ${pin.tree}`,
    {
      fields: { commit: pin.commit, expected: pin.tree, received },
      hint: "This origin changed, added or left out a file, or the recipe names the wrong tree; upstream's commit id decides",
    },
  );
}
