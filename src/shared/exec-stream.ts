import { Readable } from "node:stream";
import { execa, ExecaError } from "execa";
import { AppError } from "./errors.ts";
import { PLAIN_ENVIRONMENT, type ExecOptions } from "./exec.ts";
import type { ByteSource } from "./store/store.ts";

const STDERR_TAIL_LENGTH = 2_000;

/**
 * Runs a program and yields what it writes to stdout. Throws like exec, after the last chunk. Where the reader stops early, the
 * program is killed and that is no error.
 */
export async function* execStream(
  file: string,
  args: readonly string[],
  options: Omit<ExecOptions, "accept" | "input"> & { readonly input?: ByteSource } = {},
): AsyncGenerator<Uint8Array> {
  const running = execa(file, args, {
    extendEnv: false,
    env: options.env ?? PLAIN_ENVIRONMENT,
    timeout: options.timeoutMs ?? 60_000,
    buffer: { stdout: false },
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: Readable.from(options.input) }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  let abandoned = false;
  try {
    for await (const chunk of running.iterable({ binary: true })) {
      abandoned = true;
      try {
        yield chunk;
        abandoned = false;
      } finally {
        // A reader that stops reading would otherwise wait for a program that may never end.
        if (abandoned) running.kill("SIGKILL");
      }
    }
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    if (!abandoned) throw execError(file, error);
  }
}

function execError(file: string, error: ExecaError): AppError {
  const stderr = String(error.stderr ?? "").slice(-STDERR_TAIL_LENGTH);
  return new AppError(
    error.code === "ENOENT"
      ? { class: "preflight", code: "EXEC_MISSING" }
      : { class: "engine", code: "EXEC_FAILED" },
    `Cannot finish "${file}": ${error.shortMessage}`,
    { cause: error, fields: { file, exitCode: error.exitCode ?? -1, stderr } },
  );
}
