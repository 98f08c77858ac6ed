import { constants, fstatSync, statSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { syncPath } from "../../shared/file.ts";

export type SegmentFile = {
  /**
   * Appends, and resolves when it is on the disk. Throws what the disk says, or an Error where the file is no longer the one that was
   * opened: deleted, replaced, cut or written to by somebody else. After an error nothing may be written again: a second fdatasync
   * would succeed although the kernel has dropped the pages.
   */
  append(buffers: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
};

const NEW = constants.O_CREAT | constants.O_EXCL;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;

/** Throws what the file system says: EEXIST where there is such a segment already. */
export async function createSegmentFile(path: string): Promise<SegmentFile> {
  const file = await open(path, NEW | APPEND, 0o600);
  await syncPath(dirname(path));
  return segmentFile(file, path, 0);
}

/** Goes on behind `sizeBytes`, which is all that the file has. */
export async function continueSegmentFile(path: string, sizeBytes: number): Promise<SegmentFile> {
  return segmentFile(await open(path, APPEND), path, sizeBytes);
}

function segmentFile(file: FileHandle, path: string, startBytes: number): SegmentFile {
  let sizeBytes = startBytes;
  return {
    append: async (buffers) => {
      assertOurs(file, path, sizeBytes);
      sizeBytes += await writeAll(file, buffers);
      await file.datasync();
      assertOurs(file, path, sizeBytes);
    },
    close: async () => file.close(),
  };
}

async function writeAll(file: FileHandle, buffers: readonly Uint8Array[]): Promise<number> {
  const total = buffers.reduce((sum, { length }) => sum + length, 0);
  const { bytesWritten } = await file.writev(buffers);
  // A short write says that the disk is full or that a signal came; the second attempt says which.
  if (bytesWritten < total) await writeRest(file, Buffer.concat(buffers).subarray(bytesWritten));
  return total;
}

async function writeRest(file: FileHandle, rest: Uint8Array): Promise<void> {
  for (let from = 0; from < rest.length;) {
    const { bytesWritten } = await file.write(rest, from);
    from += bytesWritten;
  }
}

/** Two calls of a microsecond each, answered from memory: the threadpool would take longer to be asked. */
function assertOurs(file: FileHandle, path: string, sizeBytes: number): void {
  const held = fstatSync(file.fd);
  const named = statSync(path, { throwIfNoEntry: false });
  if (named === undefined || held.nlink === 0) throw new Error(`"${path}" was deleted`);
  if (named.ino !== held.ino || named.dev !== held.dev)
    throw new Error(`"${path}" was replaced by another file`);
  if (held.size !== sizeBytes)
    throw new Error(
      `"${path}" has ${held.size} bytes, expected ${sizeBytes}: somebody else wrote to it or cut it`,
    );
}
