/** What the container's own user may not read, the engine can: the second half of the comparison of files. */
import type { ImageFile } from "../../shared/appliance/manifest.ts";
import { digestOf } from "../../shared/digest.ts";
import type { Engine } from "../../shared/engine/engine.ts";
import { AppError } from "../../shared/errors.ts";
import { createTarIndexer, type IndexedMember } from "../../shared/tar/index-tar.ts";
import { inconclusive, judgeFaults, plural, summarize, type Check, type Question } from "../check.ts";
import { compareFiles, type FoundFile } from "../inside/files.ts";

const CLOSED_FILES: Question = {
  id: "closed-files",
  title: "What its user may not read is the image's as well",
  where: "host",
  expected: "every path that could not be read from inside, read through the engine, is as listed",
};

const LIMIT_BYTES = 256 << 20;

/** `hidden`: what the look from inside could not read; undefined where there was no such look. */
export async function checkClosedFiles(
  subject: { readonly container: string; readonly files: readonly ImageFile[] },
  hidden: readonly string[] | undefined,
  engine: Pick<Engine, "archive">,
): Promise<Check> {
  if (hidden === undefined)
    return inconclusive(CLOSED_FILES, {
      observed: "no look from inside",
      reason: "What is closed is not known",
    });
  // What is closed and not listed is a fault of its own, and may be a mount of any size.
  const listed = hidden.filter((path) => subject.files.some((file) => file.path === path));
  try {
    return judgeClosedFiles(subject.files, listed, await readAll(subject.container, listed, engine));
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "ENGINE_REFUSED") throw error;
    return inconclusive(CLOSED_FILES, {
      observed: error.message,
      reason: "The engine did not hand out what is closed",
    });
  }
}

async function readAll(
  container: string,
  paths: readonly string[],
  engine: Pick<Engine, "archive">,
): Promise<readonly FoundFile[]> {
  const archives = await Promise.all(
    paths.map(async (path) => ({ path, tar: await engine.archive(container, `/${path}`, LIMIT_BYTES) })),
  );
  return archives.flatMap(({ path, tar }) => (tar === undefined ? [] : readArchive(tar, path)));
}

export function judgeClosedFiles(
  files: readonly ImageFile[],
  hidden: readonly string[],
  found: readonly FoundFile[],
): Check {
  const listed = files.filter(({ path }) => hidden.some((one) => path === one || path.startsWith(`${one}/`)));
  const faults = compareFiles(listed, found).map(({ path, fault }) => `${path} ${fault}`);
  const observed =
    hidden.length === 0
      ? "nothing is closed to its user"
      : `${summarize(hidden)}: ${plural(found.length, "path")} equal`;
  return judgeFaults(CLOSED_FILES, faults, {
    observed,
    reason: "Read by the engine from the running container's root",
  });
}

/** Members are named from the last part of `path` on. */
function readArchive(tar: Buffer, path: string): readonly FoundFile[] {
  const indexer = createTarIndexer(path);
  indexer.push(tar);
  const parent = path.slice(0, path.lastIndexOf("/") + 1);
  return indexer
    .finish()
    .map((member) => toFound(member, { tar, path: `${parent}${member.path.replace(/\/$/, "")}` }));
}

function toFound(member: IndexedMember, place: { readonly tar: Buffer; readonly path: string }): FoundFile {
  const { mode, uid, gid, offset, sizeBytes } = member;
  const metadata = { path: place.path, mode, uid, gid };
  switch (member.kind) {
    case "directory":
      return { ...metadata, kind: "directory" };
    case "symlink":
      return { ...metadata, kind: "symlink", target: member.linkTarget };
    case "file":
      return { ...metadata, kind: "file", sha256: digestOf(place.tar.subarray(offset, offset + sizeBytes)) };
    case "hardlink":
    case "character device":
    case "block device":
    case "fifo":
      return { ...metadata, kind: "other" };
  }
}
