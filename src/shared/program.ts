/** Programs that run on beside us: started, watched, and ended by their process id alone. */
import { createInterface } from "node:readline";
import { execa } from "execa";
import { PLAIN_ENVIRONMENT } from "./exec.ts";
import { ownerOf } from "./store/owner.ts";

export type ProgramOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of standard output and standard error. */
  readonly onLine?: (line: string) => void;
};

export type RunningProgram = {
  readonly pid: number;
  /** Names this very process, also after its id has been given to another one. */
  readonly owner: string;
  isRunning(): boolean;
  /** Resolves when it has ended, however that came about. */
  readonly ended: Promise<{ readonly exitCode: number | undefined; readonly signal: string | undefined }>;
  /** TERM, and KILL when it still runs `graceMs` later; resolves when it has ended. */
  stop(graceMs: number): Promise<void>;
  kill(): Promise<void>;
};

/** Throws a plain Error where the program cannot be started. */
export async function startProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<RunningProgram> {
  const child = execa(file, args, {
    extendEnv: false,
    env: options.env ?? PLAIN_ENVIRONMENT,
    stdin: "ignore",
    buffer: false,
    reject: false,
    // A group of its own: an interrupt typed at the terminal is ours to pass on.
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  for (const stream of [child.stdout, child.stderr]) {
    const lines = createInterface({ input: stream });
    lines.on("line", (line) => options.onLine?.(line));
  }
  let running = true;
  const ended = (async () => {
    const { exitCode, signal } = await child;
    running = false;
    return { exitCode, signal };
  })();
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
  };
}
