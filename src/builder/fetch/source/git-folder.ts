/** One object out of the files of a git folder, loose or packed, read without git. */
import { AppError } from "../../../shared/errors.ts";
import { compareCodeUnits } from "../../../shared/order.ts";
import { gitMalformed } from "./git-object.ts";
import { findInIndex, inflateObject, readPackedObject, type PackRange } from "./git-pack.ts";

/** The files of the folder, by their path within it. */
export type GitFolder = {
  readonly sizes: ReadonlyMap<string, number>;
  read(path: string, range: PackRange): Promise<Buffer>;
};

/** An index of more bytes belongs to a repository of a million objects, not to a shallow clone. */
const MAX_FILE_BYTES = 64 << 20;

/**
 * The content of the commit object; whether it has this id is for parseCommit to say. Throws AppError
 * SOURCE_COMMIT_ABSENT (unavailable) where the folder does not hold it, GIT_MALFORMED (integrity).
 */
export async function readCommitObject(folder: GitFolder, id: string): Promise<Buffer> {
  const loose = await readWhole(folder, `objects/${id.slice(0, 2)}/${id.slice(2)}`);
  if (loose !== undefined) return parseLoose(inflateObject(loose), id);
  const indexes = [...folder.sizes.keys()].filter((path) => /^objects\/pack\/[^/]+\.idx$/.test(path));
  for (const path of indexes.sort(compareCodeUnits)) {
    const content = await readFromPack(folder, path, id);
    if (content !== undefined) return content;
  }
  throw new AppError(
    { class: "unavailable", code: "SOURCE_COMMIT_ABSENT" },
    `Cannot find the commit object ${id}: neither loose nor in one of ${indexes.length} packs`,
    { fields: { commit: id } },
  );
}

async function readWhole(folder: GitFolder, path: string): Promise<Buffer | undefined> {
  const sizeBytes = folder.sizes.get(path);
  if (sizeBytes === undefined) return undefined;
  if (sizeBytes > MAX_FILE_BYTES)
    throw gitMalformed(`Cannot read "${path}": ${sizeBytes} bytes, expected at most ${MAX_FILE_BYTES}`);
  return await folder.read(path, { offset: 0, sizeBytes });
}

/** "<kind> <size>\0" and the content. */
function parseLoose(bytes: Buffer, id: string): Buffer {
  const end = bytes.indexOf(0);
  const header = bytes.subarray(0, Math.max(end, 0)).toString("latin1");
  const content = bytes.subarray(end + 1);
  if (header !== `commit ${content.length}`)
    throw gitMalformed(
      `Cannot read object ${id}: it starts with ${JSON.stringify(header.slice(0, 40))}, expected a commit`,
    );
  return content;
}

async function readFromPack(folder: GitFolder, indexPath: string, id: string): Promise<Buffer | undefined> {
  const packPath = indexPath.replace(/\.idx$/, ".pack");
  const packBytes = folder.sizes.get(packPath);
  const index = await readWhole(folder, indexPath);
  if (packBytes === undefined || index === undefined) return undefined;
  const range = findInIndex(index, id, packBytes);
  if (range === undefined) return undefined;
  const { kind, content } = readPackedObject(await folder.read(packPath, range));
  if (kind !== "commit") throw gitMalformed(`Cannot read object ${id}: it is a ${kind}, expected a commit`);
  return content;
}
