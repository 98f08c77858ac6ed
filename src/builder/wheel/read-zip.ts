/** A wheel's zip: its members by the central directory, each refused for what it may not be before a byte of it is read. */
import { openPromise, type Entry, type ZipFile } from "yauzl";
import { AppError, messageOf } from "../../shared/errors.ts";
import { parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";
import { malformedWheel } from "./malformed.ts";

export type ZipMember = {
  readonly path: RelativePath;
  readonly sizeBytes: number;
  /** Whether anybody may run it. */
  readonly program: boolean;
  /** Throws WHEEL_MALFORMED where the bytes are not as many, or not to be decompressed. */
  read(): AsyncIterable<Uint8Array>;
};

/** Of what the format can say of a file's kind: the upper half of the external attributes is a Unix mode (APPNOTE.TXT, 4.4.15). */
const KIND = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const ANYBODY_MAY_RUN = 0o111;
const STORED = 0;
const DEFLATED = 8;

/**
 * The files; folders are only looked at. Throws WHEEL_MALFORMED (integrity) for what is no zip, for symlinks and devices, encrypted
 * members, a path that leaves its root, and one path twice.
 */
export async function withZip<T>(
  path: string,
  name: string,
  use: (members: ReadonlyMap<string, ZipMember>) => Promise<T>,
): Promise<T> {
  const zip = await openZip(path, name);
  try {
    return await use(await membersOf(zip, name));
  } finally {
    zip.close();
  }
}

async function openZip(path: string, name: string): Promise<ZipFile> {
  try {
    return await openPromise(path, { autoClose: false, strictFileNames: true });
  } catch (error) {
    throw malformedWheel(name, messageOf(error), error);
  }
}

async function membersOf(zip: ZipFile, name: string): Promise<ReadonlyMap<string, ZipMember>> {
  const members = new Map<string, ZipMember>();
  try {
    for await (const entry of zip.eachEntry()) {
      const isFolder = entry.fileName.endsWith("/");
      refuseKind(entry, isFolder, name);
      const path = parseRelativePath(isFolder ? entry.fileName.slice(0, -1) : entry.fileName);
      if (isFolder) continue;
      if (members.has(path)) throw malformedWheel(name, `it has "${path}" twice`);
      members.set(path, memberOf(zip, entry, { path, name }));
    }
  } catch (error) {
    throw asMalformed(error, name);
  }
  return members;
}

function memberOf(
  zip: ZipFile,
  entry: Entry,
  named: { readonly path: RelativePath; readonly name: string },
): ZipMember {
  const mode = entry.externalFileAttributes >>> 16;
  return {
    path: named.path,
    sizeBytes: entry.uncompressedSize,
    program: (mode & KIND) === REGULAR && (mode & ANYBODY_MAY_RUN) !== 0,
    read: () => contentOf(zip, entry, named.name),
  };
}

/** The library counts the bytes; what they are is for RECORD to say. */
async function* contentOf(zip: ZipFile, entry: Entry, name: string): AsyncGenerator<Uint8Array> {
  try {
    const stream: AsyncIterable<Uint8Array> = await zip.openReadStreamPromise(entry);
    yield* stream;
  } catch (error) {
    throw asMalformed(error, name);
  }
}

function refuseKind(entry: Entry, isFolder: boolean, name: string): void {
  const { fileName, compressionMethod } = entry;
  const kind = (entry.externalFileAttributes >>> 16) & KIND;
  if (kind !== 0 && kind !== (isFolder ? DIRECTORY : REGULAR))
    throw malformedWheel(
      name,
      `"${fileName}" is neither a regular file nor a folder: its kind is ${kind.toString(8)}`,
    );
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED)
    throw malformedWheel(
      name,
      `"${fileName}" is compressed by method ${compressionMethod}, expected ${STORED} or ${DEFLATED}`,
    );
  if (isFolder && entry.uncompressedSize > 0)
    throw malformedWheel(name, `the folder "${fileName}" has content`);
}

function asMalformed(error: unknown, name: string): AppError {
  return error instanceof AppError ? error : malformedWheel(name, messageOf(error), error);
}
