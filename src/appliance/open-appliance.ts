/** An appliance as it was carried: the tar itself, or a folder that it was unpacked to. Nothing is unpacked to be read. */
import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../shared/errors.ts";
import { byKey } from "../shared/order.ts";
import {
  joinRelative,
  parentOf,
  parseMemberPath,
  parseRelativePath,
  safeJoin,
  type RelativePath,
} from "../shared/relative-path.ts";
import { createTarIndexer, type IndexedMember } from "../shared/tar/index-tar.ts";

export type CarriedFile = {
  readonly path: RelativePath;
  readonly sizeBytes: number;
  readonly executable: boolean;
  /** Where its bytes lie on this host. */
  readonly location: { readonly hostPath: string; readonly offset: number };
};

export type Appliance = {
  /** As it was named. */
  readonly path: string;
  readonly kind: "tar" | "folder";
  /** Sorted by path. */
  readonly entries: readonly CarriedFile[];
  /** undefined where it has no such file. */
  file(path: string): CarriedFile | undefined;
  /** Throws APPLIANCE_MEMBER (integrity) where it has no such file. */
  read(path: string): AsyncIterable<Uint8Array>;
};

const CHUNK_BYTES = 1 << 20;
const HEADER_CHUNK_BYTES = 1 << 14;
const TEXT_LIMIT_BYTES = 64 << 20;

/**
 * Throws AppError APPLIANCE_ABSENT (usage) and, of class integrity, TAR_MALFORMED, PATH_UNSAFE, APPLIANCE_MEMBER (a link, a
 * device, two files of one name: nothing that an appliance has).
 */
export async function openAppliance(path: string): Promise<Appliance> {
  const kind = await kindOf(path);
  const found = kind === "tar" ? await filesOfTar(path) : await filesOfFolder(path);
  const entries = found.toSorted(byKey((file) => file.path));
  const files = new Map<string, CarriedFile>(entries.map((file) => [file.path, file]));
  for (const file of entries) assertNotBelow(file.path, files);
  return {
    path,
    kind,
    entries,
    file: (name) => files.get(name),
    read: (name) => {
      const file = files.get(name);
      if (file === undefined) throw unfit(name, "it is not there", "an appliance with this file");
      return readCarried(file);
    },
  };
}

/** A small file as text. Throws APPLIANCE_MEMBER (integrity) where it is not there or larger than any of its kind is. */
export async function readText(appliance: Appliance, path: string): Promise<string> {
  const sizeBytes = appliance.file(path)?.sizeBytes ?? 0;
  if (sizeBytes > TEXT_LIMIT_BYTES) throw unfit(path, `${sizeBytes} bytes`, `at most ${TEXT_LIMIT_BYTES}`);
  return Buffer.concat(await Array.fromAsync(appliance.read(path))).toString("utf8");
}

async function* readCarried(file: CarriedFile): AsyncGenerator<Uint8Array> {
  const { hostPath, offset } = file.location;
  if (file.sizeBytes === 0) return;
  const end = offset + file.sizeBytes - 1;
  const chunks: AsyncIterable<Uint8Array> = createReadStream(hostPath, {
    start: offset,
    end,
    highWaterMark: CHUNK_BYTES,
  });
  yield* chunks;
}

async function kindOf(path: string): Promise<Appliance["kind"]> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "tar";
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw error;
    throw new AppError(
      { class: "usage", code: "APPLIANCE_ABSENT" },
      `Cannot open the appliance "${path}": nothing is there, expected a tar or the folder that it was unpacked to`,
      { cause: error, fields: { path } },
    );
  }
}

async function filesOfTar(hostPath: string): Promise<readonly CarriedFile[]> {
  const seen = new Set<string>();
  const files: CarriedFile[] = [];
  for (const member of await indexOf(hostPath)) {
    const path = parseMemberPath(member.path);
    if (path === undefined || member.kind === "directory") continue;
    if (member.kind !== "file") throw unfit(path, `a ${member.kind}`, "files and folders only");
    if (seen.has(path)) throw unfit(path, "two files of this name", "each path once");
    seen.add(path);
    const { sizeBytes, mode, offset } = member;
    files.push({ path, sizeBytes, executable: (mode & 0o111) !== 0, location: { hostPath, offset } });
  }
  return files;
}

/** Reads headers and seeks past contents: a model of forty gigabytes is read once, when it is hashed. */
async function indexOf(hostPath: string): Promise<readonly IndexedMember[]> {
  const indexer = createTarIndexer(hostPath);
  const file = await open(hostPath, "r");
  try {
    for (let offset = 0; ; offset += indexer.passOver()) {
      const buffer = Buffer.allocUnsafe(HEADER_CHUNK_BYTES);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) return indexer.finish();
      indexer.push(buffer.subarray(0, bytesRead));
      offset += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** A folder cannot hold it, but a tar can: a file with files below it. */
function assertNotBelow(path: RelativePath, files: ReadonlyMap<string, CarriedFile>): void {
  for (let above = parentOf(path); above !== undefined; above = parentOf(above))
    if (files.has(above)) throw unfit(path, `below "${above}", which is a file`, "files below folders");
}

async function filesOfFolder(root: string): Promise<readonly CarriedFile[]> {
  const files: CarriedFile[] = [];
  const walk = async (folder: RelativePath | undefined): Promise<void> => {
    const hostFolder = folder === undefined ? root : safeJoin(root, folder);
    for (const entry of await readdir(hostFolder, { withFileTypes: true })) {
      const path = folder === undefined ? parseRelativePath(entry.name) : joinRelative(folder, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) files.push(await fileAt(join(root, path), path));
      else throw unfit(path, "a link or a device", "files and folders only");
    }
  };
  await walk(undefined);
  return files;
}

async function fileAt(hostPath: string, path: RelativePath): Promise<CarriedFile> {
  const { size, mode } = await stat(hostPath);
  return { path, sizeBytes: size, executable: (mode & 0o111) !== 0, location: { hostPath, offset: 0 } };
}

function unfit(path: string, current: string, wanted: string): AppError {
  return new AppError(
    { class: "integrity", code: "APPLIANCE_MEMBER" },
    `Cannot use the appliance's "${path}": ${current}, expected ${wanted}`,
    { fields: { path } },
  );
}
