import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openSuites } from "../../../src/builder/lock/debian/suites.ts";
import { lockDigest } from "../../../src/builder/lock/lock.ts";
import type { LockDeps } from "../../../src/builder/lock/make-lock.ts";
import { readMirrors } from "../../../src/builder/lock/mirrors.ts";
import { outdatedLocks, type Outdated } from "../../../src/builder/lock/outdated.ts";
import { chooseRecipes, lockPath, readLock, readRecipes } from "../../../src/builder/lock/read.ts";
import { readableJson, type Json } from "../../../src/shared/canonical-json.ts";
import { openHttp, type Http } from "../../../src/shared/http.ts";
import { silentReporter } from "../../../src/shared/reporter.ts";
import { openStore, type Store } from "../../../src/shared/store/store.ts";
import { startMirror, type Loopback } from "../../shared/loopback.ts";
import { newArchiveSigner, sampleArchive, type ArchiveSigner } from "./sample-archive.ts";

const MONDAY = new Date("2026-03-02T08:00:00Z");
const TUESDAY = new Date("2026-03-02T20:00:00Z");
const LIBRARY = { name: "libapp" };
const APP = { name: "app", depends: "libapp" };

let signer: ArchiveSigner;
let folder: string;
let images: string;
let store: Store;
let http: Http;
let server: Loopback;
let served: Map<string, Buffer>;

beforeAll(async () => {
  signer = await newArchiveSigner();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "outdated-"));
  images = join(folder, "images");
  await writeRecipe("base", "packages: [libapp]");
  await writeRecipe("top", "packages: [app]\nbase: base");
  served = await sampleArchive("bookworm", [APP, LIBRARY], { signer, date: MONDAY });
  server = await startMirror((path) => served.get(path));
  store = await openStore(join(folder, "store"));
  http = openHttp({ env: {}, retryDelaysMs: [] });
});

afterEach(async () => {
  await http.close();
  await server.close();
  await rm(folder, { recursive: true });
});

async function writeRecipe(name: string, more: string): Promise<void> {
  await mkdir(join(images, name), { recursive: true });
  const text = `format: 1\nname: ${name}\nkind: image\nsummary: Sample\nsuites: [bookworm]\n${more}\n`;
  await writeFile(join(images, name, "recipe.yaml"), text);
}

async function outdated(...names: readonly string[]): Promise<readonly Outdated[]> {
  const recipes = await readRecipes(images);
  const mirrors = readMirrors([`debian=${server.url}`], { env: {}, cwd: "/" });
  const plain = { store, http, mirrors, reporter: silentReporter };
  const deps: LockDeps = {
    ...plain,
    jobs: 2,
    suites: openSuites(signer.keys, { ...plain, now: new Date("2026-03-03T00:00:00Z") }),
    scriptsOf: () => Promise.resolve(new Map()),
    decide: () => [],
    proveSource: () => Promise.reject(new Error("No source was asked for")),
    resolveWheels: () => Promise.reject(new Error("No wheels were asked for")),
  };
  return outdatedLocks(chooseRecipes(recipes, names), recipes, deps);
}

async function write(found: readonly Outdated[]): Promise<void> {
  for (const { image, lock } of found) await writeFile(lockPath(image), readableJson(lock satisfies Json));
}

function summary(found: readonly Outdated[]): readonly unknown[] {
  return found.map(({ image, differences }) => [image.name, ...differences]);
}

describe("outdatedLocks", () => {
  test("makes locks that belong together, base first, and finds nothing to do the second time", async () => {
    const found = await outdated();
    expect(summary(found)).toEqual([
      ["base", "there is no lock yet"],
      ["top", "there is no lock yet"],
    ]);
    await write(found);
    const top = await readLock(images, "top");
    expect(top.lock.base).toBe(lockDigest((await readLock(images, "base")).lock));
    expect(await outdated()).toEqual([]);
  });

  test("finds nothing to do where the archive only signed anew", async () => {
    await write(await outdated());
    served = await sampleArchive("bookworm", [APP, LIBRARY], { signer, date: TUESDAY });
    expect(await outdated()).toEqual([]);
  });

  test("says what moved, in the base and above it", async () => {
    await write(await outdated());
    served = await sampleArchive("bookworm", [APP, { name: "libapp", version: "1.1" }], {
      signer,
      date: TUESDAY,
    });
    expect(summary(await outdated())).toEqual([
      ["base", "libapp 1.0 -> 1.1"],
      ["top", "the base"],
    ]);
  });

  test("says that a recipe changed although its packages did not", async () => {
    await write(await outdated());
    await writeRecipe("base", "packages: [libapp]\ncaBundle: true");
    expect(summary(await outdated("base"))).toEqual([["base", "the recipe"]]);
  });

  test("takes a base's own lock where the base is not chosen, and LOCK_MISSING where there is none", async () => {
    await expect(outdated("top")).rejects.toMatchObject({ code: "LOCK_MISSING", exitCode: 2 });
    await write(await outdated("base"));
    expect(summary(await outdated("top"))).toEqual([["top", "there is no lock yet"]]);
  });

  test("makes a damaged lock anew", async () => {
    await write(await outdated());
    await writeFile(join(images, "base", "lock.json"), "{");
    expect(summary(await outdated("base"))).toEqual([["base", "there is no lock yet"]]);
  });
});
