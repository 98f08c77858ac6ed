import { constants } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { diskError, type ByteSource } from "./store/store.ts";

/** Writes a file whole or not at all: temporary in the same folder, fsync, rename. Throws DISK_FULL (preflight). */
export async function writeFileWhole(path: string, source: ByteSource | string, mode = 0o644): Promise<void> {
  const temporary = `${path}.part-${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  try {
    const file = await open(temporary, "w", mode);
    try {
      await file.writeFile(typeof source === "string" ? [source] : source);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskError(error, dirname(path));
  }
}

/**
 * Lets `write` make a file beside `path` and `check` look at it once it is on the disk; then puts it in the place of `path`, durably.
 * Whatever either of them throws, `path` is as it was.
 */
export async function putInPlace(
  path: string,
  { write, check }: Record<"write" | "check", (temporary: string) => Promise<void>>,
): Promise<void> {
  const temporary = `${path}.part-${process.pid}`;
  try {
    await write(temporary);
    await syncPath(temporary);
    await check(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncPath(dirname(path));
}

/** Waits for nobody who might write to a pipe that lies there: of such a one there are no bytes. */
export async function readAtOnce(path: string): Promise<Buffer> {
  return await readFile(path, { flag: constants.O_RDONLY | constants.O_NONBLOCK });
}

/** Of a file, its bytes; of a folder, what was created, renamed or removed in it: it survives a loss of power. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
