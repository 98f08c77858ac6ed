import { mkdir, open, rename, rm } from "node:fs/promises";
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

/** Makes what was created, renamed or removed in a folder survive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
