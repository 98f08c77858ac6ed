import { execa, ExecaError } from "execa";
import { AppError } from "./errors.ts";

export type ExecOptions = {
  readonly cwd?: string;
  /** The whole environment of the child; nothing is inherited. Defaults to a fixed PATH and the C locale. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** 0: none. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Exit codes besides 0 that are an answer and not a failure. */
  readonly accept?: readonly number[];
};

export type ExecResult = { readonly stdout: string; readonly stderr: string; readonly exitCode: number };

export const PLAIN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};

const STDERR_TAIL_LENGTH = 2_000;

/**
 * Runs a program to its end: argument array, no shell, explicit environment, a timeout (60 s unless told).
 * Throws AppError EXEC_MISSING (preflight) where the program does not exist, EXEC_FAILED (engine) otherwise.
 */
export async function exec(
  file: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  try {
    const result = await execa(file, args, {
      extendEnv: false,
      env: options.env ?? PLAIN_ENVIRONMENT,
      timeout: options.timeoutMs ?? 60_000,
      stripFinalNewline: false,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    });
    return { stdout: result.stdout, stderr: result.stderr, exitCode: 0 };
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    return settle(error, { file, args, accept: options.accept ?? [] });
  }
}

function settle(
  error: ExecaError,
  call: { file: string; args: readonly string[]; accept: readonly number[] },
): ExecResult {
  const stdout = String(error.stdout ?? "");
  const stderr = String(error.stderr ?? "");
  if (error.exitCode !== undefined && call.accept.includes(error.exitCode))
    return { stdout, stderr, exitCode: error.exitCode };
  const command = [call.file, ...call.args].join(" ").slice(0, 300);
  if (error.code === "ENOENT") {
    throw new AppError(
      { class: "preflight", code: "EXEC_MISSING" },
      `Cannot run "${call.file}": no such program`,
      { cause: error },
    );
  }
  const how = error.timedOut
    ? "ran past its time limit"
    : `ended with ${error.signal ?? `exit code ${String(error.exitCode)}`}`;
  throw new AppError(
    { class: "engine", code: "EXEC_FAILED" },
    `Cannot finish "${command}": it ${how}: ${stderr.slice(-STDERR_TAIL_LENGTH).trim()}`,
    {
      cause: error,
      fields: { file: call.file, exitCode: error.exitCode ?? -1, stderr: stderr.slice(-STDERR_TAIL_LENGTH) },
    },
  );
}
