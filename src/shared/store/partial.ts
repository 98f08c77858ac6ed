/**
 * Downloads under way lie in the store as partial/fetch-<hex>.<owner>.<n>. The owner is a process by its id and start time, so that
 * another run can take over what a dead one left and never what a living one writes; a rename settles who gets it.
 */
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hexOf, type Digest } from "../digest.ts";
import { isErrno } from "../errors.ts";
import { compareCodeUnits } from "../order.ts";
import { isAlive, ownOwner } from "./owner.ts";
import type { Store } from "./store.ts";

export type ClaimedPartial = {
  /** A file of ours alone: empty, or the beginning that an earlier run left. */
  readonly path: string;
  /** Leaves the file to whoever downloads this next. */
  release(): Promise<void>;
};

const FREE = "free";

export async function claimPartial(store: Store, digest: Digest): Promise<ClaimedPartial> {
  const path = await reserve(store, digest, await ownOwner());
  for (const left of await abandoned(store, digest)) {
    if (await moved(left, path)) break;
  }
  return {
    path,
    release: async () => {
      // Nothing came: nothing to go on from.
      if ((await stat(path)).size === 0) return await rm(path, { force: true });
      await moved(path, await reserve(store, digest, FREE));
    },
  };
}

/** Removes what dead runs left of this digest, once the whole is there. */
export async function dropAbandoned(store: Store, digest: Digest): Promise<void> {
  for (const path of await abandoned(store, digest)) await rm(path, { force: true });
}

/** A name that nobody else has; the empty file keeps it. */
async function reserve(store: Store, digest: Digest, owner: string): Promise<string> {
  for (let serial = 0; ; serial += 1) {
    const path = join(folderOf(store), `fetch-${hexOf(digest)}.${owner}.${serial}`);
    try {
      await (await open(path, "wx", 0o644)).close();
      return path;
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

async function abandoned(store: Store, digest: Digest): Promise<readonly string[]> {
  const prefix = `fetch-${hexOf(digest)}.`;
  const names = (await readdir(folderOf(store))).filter((name) => name.startsWith(prefix));
  const paths: string[] = [];
  for (const name of names.sort(compareCodeUnits)) {
    const owner = name.slice(prefix.length).split(".")[0] ?? "";
    if (owner === FREE || !(await isAlive(owner))) paths.push(join(folderOf(store), name));
  }
  return paths;
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function folderOf(store: Store): string {
  return dirname(store.partialPath("any"));
}
