/** Stores of a test's own, filled from the one that this machine has. */
import { copyFile, link, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { wantedInputs, type WantedInputs } from "../../src/builder/fetch/inputs.ts";
import { readLock, readRecipes } from "../../src/builder/lock/read.ts";
import { isErrno } from "../../src/shared/errors.ts";
import { exec } from "../../src/shared/exec.ts";
import { defaultStoreRoot } from "../../src/shared/store/location.ts";
import { linkTree, REPOSITORY } from "./checkout.ts";

const OWN_STORE = defaultStoreRoot(process.env);

export async function lockedInputs(): Promise<WantedInputs> {
  const images = join(REPOSITORY, "images");
  const recipes = await readRecipes(images);
  return wantedInputs(
    await Promise.all(recipes.map(async ({ name }) => (await readLock(images, name)).lock)),
  );
}

/** Where a blob lies below any store. */
export function blobPath(digest: string): string {
  const hex = digest.slice("sha256:".length);
  return join("sha256", hex.slice(0, 2), hex);
}

export async function copyFromStore(path: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(join(OWN_STORE, path), to);
}

/** All of it. */
export async function wholeStore(to: string): Promise<string> {
  await mkdir(to, { recursive: true });
  for (const name of ["sha256", "derived"]) await linkTree(join(OWN_STORE, name), join(to, name));
  return to;
}

/** What the locks name and what was compiled from it; everything else is to be made anew. */
export async function bareStore(to: string): Promise<string> {
  const { files, sources } = await lockedInputs();
  const digests = [
    ...files.map(({ file }) => file.sha256),
    ...sources.map(({ source }) => source.tar.sha256),
  ];
  for (const digest of digests) await linkFromStore(blobPath(digest), to);
  for (const path of await compiledPaths()) await linkFromStore(path, to);
  return to;
}

/** What is remembered of compiling, and the blobs that came of it. */
export async function compiledPaths(): Promise<readonly string[]> {
  const { stdout } = await exec("grep", [
    "-rho",
    "sha256:[0-9a-f]\\{64\\}",
    join(OWN_STORE, "derived/compile"),
  ]);
  const records = await exec("ls", [join(OWN_STORE, "derived/compile")]);
  return [
    ...stdout.trim().split("\n").map(blobPath),
    ...records.stdout
      .trim()
      .split("\n")
      .map((name) => join("derived/compile", name)),
  ];
}

async function linkFromStore(path: string, root: string): Promise<void> {
  const to = join(root, path);
  await mkdir(dirname(to), { recursive: true });
  try {
    await link(join(OWN_STORE, path), to);
  } catch (error) {
    if (isErrno(error, "EXDEV")) await copyFile(join(OWN_STORE, path), to);
    else if (!isErrno(error, "EEXIST")) throw error;
  }
}

/** Every file of it with its size, sorted: two of these are equal where nothing was written. */
export async function contentsOf(folder: string): Promise<string> {
  const { stdout } = await exec("find", [folder, "-type", "f", "-printf", "%P %s\n"]);
  return stdout.split("\n").sort().join("\n");
}
