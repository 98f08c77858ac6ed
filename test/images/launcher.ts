import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { exec } from "../../src/shared/exec.ts";
import { compareCodeUnits } from "../../src/shared/order.ts";

const SOURCES = join(import.meta.dirname, "../../images/llama-cpp/launcher");
const FLAGS = "-std=c11 -O2 -Wall -Wextra -Werror -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -pie";

export type Launcher = { readonly path: string; readonly folder: string };

/** Compiles the launcher into a fresh folder that every user can read. */
export async function buildLauncher(): Promise<Launcher> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-launcher-"));
  const path = join(folder, "cloister-launcher");
  const sources = (await readdir(SOURCES)).filter((name) => name.endsWith(".c")).sort(compareCodeUnits);
  await exec("gcc", [...FLAGS.split(" "), "-o", path, ...sources.map((name) => join(SOURCES, name))]);
  await exec("chmod", ["755", folder]);
  return { path, folder };
}

type Environment = Readonly<Record<string, string>>;

/** Starts a program with an explicit environment; its end is awaited by awaiting the result, and never rejects. */
export function start(
  file: string,
  args: readonly string[],
  options: { readonly env?: Environment; readonly uid?: number } = {},
) {
  return execa(file, args, {
    extendEnv: false,
    env: options.env ?? { PATH: "/usr/bin:/bin" },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    stdin: "ignore",
    reject: false,
    timeout: 20_000,
  });
}

/** `serve` with a shell script as the program. What the launcher appends comes to it as "$@". */
export function serve(launcher: Launcher, options: readonly string[], script: string) {
  return start(launcher.path, ["serve", ...options, "--", "/bin/sh", "-c", script, "fake"]);
}

/** Polls until `probe` finds something; fails after five seconds. */
export async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 500; tries++) {
    const found = await probe();
    if (found !== undefined) return found;
    await sleep(10);
  }
  throw new Error("Waited five seconds in vain");
}

export async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ESRCH") return undefined;
    throw error;
  });
}

/** The children that the kernel lists for a process, which include zombies. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readIfThere(`/proc/${pid}/task/${pid}/children`);
  return (text ?? "")
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
}

/** A process's state letter (R, S, Z, ...), undefined where there is no such process. */
export async function stateOf(pid: number): Promise<string | undefined> {
  const status = await readIfThere(`/proc/${pid}/status`);
  return status?.match(/^State:\s+(\w)/m)?.[1];
}
