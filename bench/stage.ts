/** What the benchmarks start from: the default store with everything fetched and compiled, and appliances in a folder of their own. */
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../src/shared/exec.ts";
import { writeFileWhole } from "../src/shared/file.ts";
import { echoModel } from "../src/shared/gguf/echo-model.ts";
import { randomShape } from "../src/shared/gguf/random-shape.ts";
import { writeGguf } from "../src/shared/gguf/write.ts";
import { defaultStoreRoot } from "../src/shared/store/location.ts";

export const REPOSITORY = join(import.meta.dirname, "..");
export const CLI = [process.execPath, join(REPOSITORY, "src/cli.ts")] as const;
export const STORE = defaultStoreRoot(process.env);

export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  await assertPrograms(["/usr/bin/time"]);
  const folder = await mkdtemp(join(tmpdir(), "cloister-bench-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Throws a plain Error that says what to install. */
export async function assertPrograms(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await access(path).catch(() => {
      throw new Error(`Cannot measure: "${path}" is missing; run ./cloister setup bench`);
    });
  }
}

/** `echo`: under a megabyte. `large`: the shape of a model with 1.1 billion weights, 622 MB of random ones. */
export async function buildAppliance(folder: string, model: "echo" | "large"): Promise<string> {
  const gguf = join(folder, `${model}.gguf`);
  await writeFileWhole(gguf, writeGguf(model === "echo" ? echoModel() : randomShape()));
  const out = join(folder, `${model}.tar`);
  await exec(CLI[0], [CLI[1], "build", "--store", STORE, "--model", gguf, "--out", out], {
    timeoutMs: 3_600_000,
  });
  return out;
}

export async function unpack(tar: string, folder: string): Promise<string> {
  await exec("mkdir", ["-p", folder]);
  await exec("tar", ["-xf", tar, "-C", folder], { timeoutMs: 300_000 });
  return folder;
}
