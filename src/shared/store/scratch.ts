/** Folders under way lie in the store as partial/<name>.<owner>.<n>; what a killed run left goes before the next begins. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "../errors.ts";
import { isAlive, ownOwner } from "./owner.ts";
import { diskError, type Store } from "./store.ts";

/**
 * Gives a fresh folder of this run's alone to `use` and removes it afterwards, also where that fails. `name` has no dots.
 * Whatever is named "<folder>.<anything>" beside it stays until a later run finds its owner dead. Throws DISK_FULL (preflight).
 */
export async function withScratch<T>(
  store: Store,
  name: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const partial = dirname(store.partialPath(name));
  await dropAbandoned(partial, name);
  const folder = await reserve(partial, `${name}.${await ownOwner()}`);
  try {
    return await use(folder);
  } catch (error) {
    throw diskError(error, store.root);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function dropAbandoned(partial: string, name: string): Promise<void> {
  for (const entry of await readdir(partial)) {
    const [entryName, owner = ""] = entry.split(".");
    if (entryName !== name || (await isAlive(owner))) continue;
    await rm(join(partial, entry), { recursive: true, force: true });
  }
}

async function reserve(partial: string, name: string): Promise<string> {
  for (let serial = 0; ; serial += 1) {
    const folder = join(partial, `${name}.${serial}`);
    try {
      await mkdir(folder);
      return folder;
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}
