/** Inputs out of a folder: whatever a file is called, its size and sha256 say which input it is. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { hashFile } from "../../shared/hash-file.ts";
import { compareCodeUnits } from "../../shared/order.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Lock } from "../lock/lock.ts";
import { wantedInputs } from "./inputs.ts";

/** How many were taken; subfolders count too. Throws AppError FOLDER_MISSING (usage). */
export async function takeFromFolder(
  folder: string,
  locks: readonly Lock[],
  { store }: { readonly store: Store },
): Promise<number> {
  const { files, sources } = wantedInputs(locks);
  const wanted = [...files, ...sources.flatMap(({ sdists }) => sdists)].map(({ file }) => file);
  let taken = 0;
  for (const path of await filesBelow(folder)) {
    const { size } = await stat(path);
    if (!wanted.some(({ sizeBytes }) => sizeBytes === size)) continue;
    const digest = (await hashFile(path)).digest;
    if (!wanted.some(({ sha256 }) => sha256 === digest) || (await store.has(digest))) continue;
    await store.put(createReadStream(path), { digest, sizeBytes: size });
    taken += 1;
  }
  return taken;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map((entry) => join(entry.parentPath, entry.name)).sort(compareCodeUnits);
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw error;
    throw new AppError(
      { class: "usage", code: "FOLDER_MISSING" },
      `Cannot take inputs from "${folder}": there is no such folder`,
      { cause: error },
    );
  }
}
