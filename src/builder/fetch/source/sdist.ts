/**
 * A source distribution as an origin: a .tar.gz that a packager made of a checkout with its git folder. The packager is not
 * trusted: his files count only if they hash to the tree of the commit object, and that to the commit.
 */
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { AppError } from "../../../shared/errors.ts";
import { parseMemberPath, parseRelativePath, type RelativePath } from "../../../shared/relative-path.ts";
import type { ByteSource } from "../../../shared/store/store.ts";
import { createTarIndexer, type IndexedMember } from "../../../shared/tar/index-tar.ts";
import { createRangeReader } from "../../../shared/tar/ranges.ts";
import { readCommitObject, type GitFolder } from "./git-folder.ts";
import type { SourceFile, SourceFiles } from "./source-files.ts";

export type SdistLayout = {
  /** What to call it in messages. */
  readonly name: string;
  /** Below the archive's one top folder. */
  readonly folder: RelativePath;
  readonly gitFolder: RelativePath;
  readonly commit: string;
};

type Member = Omit<IndexedMember, "path"> & { readonly path: RelativePath };

/** A gzip of a few bytes can hold any number of zeros. */
const MAX_TAR_BYTES = 4 * 2 ** 30;

/**
 * Unpacks the gzip into `scratchPath` and points at the files within it; nothing is extracted.
 * Throws AppError of class integrity: SDIST_MALFORMED, TAR_MALFORMED, PATH_UNSAFE, GIT_MALFORMED; of class unavailable:
 * SOURCE_COMMIT_ABSENT.
 */
export async function readSdist(
  archive: ByteSource,
  layout: SdistLayout,
  scratchPath: string,
): Promise<SourceFiles> {
  const members = belowTopFolder(await unpackAndIndex(archive, layout.name, scratchPath), layout.name);
  return {
    commit: await readCommit(members, layout, scratchPath),
    path: scratchPath,
    files: below(members, layout.folder)
      .filter(({ path }) => path !== ".git" && !path.startsWith(".git/"))
      .flatMap((member) => sourceFile(member, layout.name)),
  };
}

async function unpackAndIndex(
  archive: ByteSource,
  name: string,
  scratchPath: string,
): Promise<readonly IndexedMember[]> {
  const indexer = createTarIndexer(name);
  const scratch = await open(scratchPath, "wx", 0o600);
  try {
    await pipeline(Readable.from(archive), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
      let total = 0;
      for await (const chunk of chunks) {
        total += chunk.length;
        if (total > MAX_TAR_BYTES) throw malformed(name, `it unpacks to more than ${MAX_TAR_BYTES} bytes`);
        indexer.push(chunk);
        await scratch.writeFile(chunk);
      }
    });
  } catch (error) {
    throw isZlibError(error) ? malformed(name, `its gzip is broken (${error.message})`, error) : error;
  } finally {
    await scratch.close();
  }
  return indexer.finish();
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

/** Every member's path is checked, also of those that nobody asks for. */
function belowTopFolder(members: readonly IndexedMember[], name: string): readonly Member[] {
  const parsed = members.flatMap((member) => {
    const path = parseMemberPath(member.path);
    return path === undefined ? [] : [{ ...member, path }];
  });
  const top = parsed[0]?.path.split("/")[0];
  if (top === undefined) throw malformed(name, "it is empty");
  const stray = parsed.find(({ path }) => path !== top && !path.startsWith(`${top}/`));
  if (stray !== undefined)
    throw malformed(name, `${JSON.stringify(stray.path)} is not below its top folder "${top}"`);
  return below(parsed, parseRelativePath(top));
}

function below(members: readonly Member[], folder: RelativePath): readonly Member[] {
  const prefix = `${folder}/`;
  return members
    .filter(({ path }) => path.startsWith(prefix))
    .map((member) => ({ ...member, path: parseRelativePath(member.path.slice(prefix.length)) }));
}

/** Git knows no folders, owners or dates, and of the permissions only whether the owner may execute. */
function sourceFile(member: Member, name: string): readonly SourceFile[] {
  const { path, offset, sizeBytes } = member;
  switch (member.kind) {
    case "directory":
      return [];
    case "file":
      return [{ path, mode: (member.mode & 0o100) === 0 ? "100644" : "100755", offset, sizeBytes }];
    case "symlink":
      return [{ path, mode: "120000", target: member.linkTarget }];
    case "hardlink":
    case "character device":
    case "block device":
    case "fifo":
      throw malformed(
        name,
        `${JSON.stringify(path)} is a ${member.kind}, expected files, folders and symlinks`,
      );
  }
}

async function readCommit(
  members: readonly Member[],
  layout: SdistLayout,
  scratchPath: string,
): Promise<Buffer> {
  const files = new Map(
    below(members, layout.gitFolder)
      .filter(({ kind }) => kind === "file")
      .map((member) => [String(member.path), member]),
  );
  const ranges = createRangeReader();
  const folder: GitFolder = {
    sizes: new Map([...files].map(([path, { sizeBytes }]) => [path, sizeBytes])),
    read: async (path, range) => {
      const start = files.get(path)?.offset ?? 0;
      return await collect(ranges.read(scratchPath, { ...range, offset: start + range.offset }));
    },
  };
  try {
    return await readCommitObject(folder, layout.commit);
  } finally {
    await ranges.close();
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

function malformed(name: string, why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "integrity", code: "SDIST_MALFORMED" },
    `Cannot read source distribution "${name}": ${why}`,
    cause === undefined ? {} : { cause },
  );
}
