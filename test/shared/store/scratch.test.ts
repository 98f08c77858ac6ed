import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ownOwner } from "../../../src/shared/store/owner.ts";
import { withScratch } from "../../../src/shared/store/scratch.ts";
import { openStore, type Store } from "../../../src/shared/store/store.ts";

let store: Store;
let partial: string;
beforeEach(async () => {
  store = await openStore(await mkdtemp(join(tmpdir(), "cloister-scratch-")));
  partial = join(store.root, "partial");
});
afterEach(() => rm(store.root, { recursive: true }));

describe("withScratch", () => {
  test("gives each caller a folder alone, and removes it", async () => {
    const folders = await Promise.all(
      [1, 2, 3].map((n) =>
        withScratch(store, "work", async (folder) => {
          await writeFile(join(folder, "file"), String(n));
          return folder;
        }),
      ),
    );
    expect(new Set(folders).size).toBe(3);
    expect(await readdir(partial)).toEqual([]);
  });

  test("removes it also where the work fails, and a full disk is the host's fault", async () => {
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    const failing = withScratch(store, "work", async (folder) => {
      await writeFile(join(folder, "file"), "");
      throw full;
    });
    await expect(failing).rejects.toMatchObject({ code: "DISK_FULL", class: "preflight" });
    expect(await readdir(partial)).toEqual([]);
  });

  test("removes what a dead process left under this name, and nothing else", async () => {
    const [pid] = (await ownOwner()).split("-");
    const kept = [`other.${pid}-1.0`, `work.${await ownOwner()}.7`, `workshop.${pid}-1.0`];
    const gone = [`work.${pid}-1.0`, `work.${pid}-1.0.log`, "work.4194305-1.3"];
    for (const name of [...kept, ...gone]) await mkdir(join(partial, name, "deep"), { recursive: true });
    await withScratch(store, "work", async () => {});
    expect((await readdir(partial)).sort()).toEqual(kept.sort());
  });
});
