/** Copies of this checkout in other folders, and cloister run in them as a stranger would. */
import { chmod, mkdir, mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { exec } from "../../src/shared/exec.ts";

export const REPOSITORY = join(import.meta.dirname, "../..");

/** A folder that every user can enter. */
export async function openFolder(prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  await chmod(folder, 0o755);
  return folder;
}

/** What git tracks, as it lies here, and the packages of npm ci as hard links: no second installation, no second copy. */
export async function copyCheckout(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { stdout } = await exec("git", [
    "-C",
    REPOSITORY,
    "-c",
    `safe.directory=${REPOSITORY}`,
    "ls-files",
    "-z",
  ]);
  const files = stdout.split("\0").filter((name) => name !== "");
  for (const name of new Set(files.map((file) => dirname(file))))
    await mkdir(join(folder, name), { recursive: true });
  await exec("cp", ["--parents", "--preserve=mode", "-t", folder, ...files], { cwd: REPOSITORY });
  await linkTree(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  await exec("touch", [join(folder, "node_modules/.package-lock.json")]);
  return folder;
}

/** Hard links where both lie on one file system, else a copy. */
export async function linkTree(from: string, to: string): Promise<void> {
  const [source, target] = await Promise.all([stat(from), stat(dirname(to))]);
  await exec("cp", [source.dev === target.dev ? "-al" : "-a", from, to], { timeoutMs: 600_000 });
}

export type CloisterOptions = {
  readonly checkout?: string;
  /** The program that reads the TypeScript; the launcher's choice where it is not given. */
  readonly node?: string;
  readonly uid?: number;
  readonly umask?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
};

export type CloisterResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs cloister to its end, whatever that is. */
export async function cloister(
  args: readonly string[],
  options: CloisterOptions = {},
): Promise<CloisterResult> {
  return await run(options.node === undefined ? "cloister" : "src/cli.ts", args, options);
}

/** Runs a program of the checkout to its end: by `node`, or by itself where none is given. */
export async function run(
  program: string,
  args: readonly string[],
  options: CloisterOptions,
): Promise<CloisterResult> {
  const result = await start(program, args, options);
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

/** Begins it. Its process id is the one of the program that the launcher becomes. */
export function start(program: string, args: readonly string[], options: CloisterOptions) {
  const path = join(options.checkout ?? REPOSITORY, program);
  const words = options.node === undefined ? [path] : [options.node, path];
  const script = 'umask "$0"; exec "$@"';
  return execa("/bin/sh", ["-c", script, options.umask ?? "022", ...words, ...args], {
    extendEnv: options.uid === undefined,
    reject: false,
    stdin: "ignore",
    timeout: options.timeoutMs ?? 3_000_000,
    maxBuffer: 64 << 20,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", ...options.env },
  });
}

/** The same, and every exit code but 0 is an error with what was said. */
export async function cloisterDone(
  args: readonly string[],
  options: CloisterOptions = {},
): Promise<CloisterResult> {
  const result = await cloister(args, options);
  if (result.exitCode === 0) return result;
  throw new Error(
    `cloister ${args.join(" ")} ended with ${result.exitCode}:\n${result.stderr.slice(-4_000)}`,
  );
}

/** Resolves when one of its lines on standard error holds `text`; rejects where it ends without it. */
export function watchLines(child: ReturnType<typeof start>): {
  readonly says: (text: string) => Promise<void>;
} {
  const said: string[] = [];
  const waiting = new Map<string, () => void>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    said.push(line);
    for (const [text, resolve] of waiting) if (line.includes(text)) resolve();
  });
  const ended = async (text: string): Promise<never> => {
    const { exitCode } = await child;
    throw new Error(
      `It ended with ${String(exitCode)} and never said "${text}": ${said.slice(-9).join(" / ")}`,
    );
  };
  return {
    says: async (text) => {
      if (said.some((line) => line.includes(text))) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(text, resolve);
      await Promise.race([promise, ended(text)]);
    },
  };
}
