/** Programs that run on beside us: started, watched, and ended by their process id alone. */
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { PLAIN_ENVIRONMENT } from "./exec.ts";
import { ownerOf } from "./store/owner.ts";

export type ProgramOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of standard output and standard error. */
  readonly onLine?: (line: string) => void;
  /** A file that both go to instead, so that the program can outlive us. */
  readonly logTo?: string;
};

type Ending = { readonly exitCode: number | undefined; readonly signal: string | undefined };

export type RunningProgram = {
  readonly pid: number;
  /** Names this very process, also after its id has been given to another one. */
  readonly owner: string;
  isRunning(): boolean;
  /** Resolves when it has ended, however that came about. */
  readonly ended: Promise<Ending>;
  /** TERM, and KILL when it still runs `graceMs` later; resolves when it has ended. */
  stop(graceMs: number): Promise<void>;
  kill(): Promise<void>;
  /** Lets this process end while the program goes on; it must have a file to log to. */
  release(): void;
};

/**
 * By node's own spawn: a program that may outlive us needs a file of its own to write to, which execa cannot give it.
 * Throws a plain Error where the program cannot be started.
 */
export async function startProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<RunningProgram> {
  const log = options.logTo === undefined ? undefined : await open(options.logTo, "a");
  const output = log?.fd ?? "pipe";
  const child = spawn(file, args, {
    env: { ...(options.env ?? PLAIN_ENVIRONMENT) },
    stdio: ["ignore", output, output],
    // A group of its own: an interrupt typed at the terminal is ours to pass on.
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on("line", (line) => options.onLine?.(line));
  let running = true;
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode, signal) => {
      running = false;
      resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined });
    });
  });
  await log?.close();
  const { pid } = child;
  const owner = pid === undefined ? undefined : await ownerOf(pid);
  if (pid === undefined || owner === undefined) {
    const { exitCode } = await ended;
    throw new Error(`Cannot start "${file}": it ended at once with exit code ${String(exitCode)}`);
  }
  return {
    pid,
    owner,
    isRunning: () => running,
    ended,
    stop: async (graceMs) => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(timer);
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    release: () => child.unref(),
  };
}
