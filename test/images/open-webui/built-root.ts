import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { buildImages } from "../../../src/builder/build-images.ts";
import { fetchInputs } from "../../../src/builder/fetch/fetch.ts";
import type { Lock } from "../../../src/builder/lock/lock.ts";
import { readMirrors } from "../../../src/builder/lock/mirrors.ts";
import { readLock, type LockedRecipe } from "../../../src/builder/lock/read.ts";
import { addressOf } from "../../../src/builder/lock/registry/address.ts";
import { exec } from "../../../src/shared/exec.ts";
import { openHttp } from "../../../src/shared/http.ts";
import { silentReporter as reporter } from "../../../src/shared/reporter.ts";
import { defaultStoreRoot } from "../../../src/shared/store/location.ts";
import { openStore, type Store } from "../../../src/shared/store/store.ts";

const IMAGES = join(import.meta.dirname, "../../../images");

/** The store of this machine, with all that the locks name in it. */
export async function filledStore(locks: readonly Lock[]): Promise<Store> {
  const store = await openStore(defaultStoreRoot(process.env));
  const http = openHttp({ env: process.env, reporter });
  const mirrors = readMirrors([], { env: process.env, cwd: "/" });
  const options = { store, http, reporter, env: process.env, jobs: 4 };
  try {
    await fetchInputs(locks, { ...options, addressOf: (file) => addressOf(file, { mirrors, http }) });
  } finally {
    await http.close();
  }
  return store;
}

/** The image of Open WebUI unpacked below a folder, its layers over each other, with a place for its volume. */
export async function buildRoot(root: string): Promise<LockedRecipe> {
  const recipes = await Promise.all(["base", "open-webui"].map((name) => readLock(IMAGES, name)));
  const store = await filledStore(recipes.map(({ lock }) => lock));
  const options = { backends: "one", ignoreCompiled: false, programs: new Map() } as const;
  const { signal } = new AbortController();
  const [image] = await buildImages(recipes, options, { store, reporter, jobs: 2, signal });
  const [, recipe] = recipes;
  if (image === undefined || recipe === undefined) throw new Error("No image was built");
  await mkdir(join(root, "data"), { recursive: true });
  for (const { digest } of image.layers) await exec("tar", ["-C", root, "-xpf", store.pathOf(digest)]);
  return recipe;
}
