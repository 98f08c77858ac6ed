import { execa, ExecaError } from "execa";
import { AppError } from "./errors.ts";
import type { ExecOptions } from "./exec.ts";

/** Runs a program and yields what it writes to stdout. Throws like exec, after the last chunk. */
export async function* execStream(
  file: string,
  args: readonly string[],
  options: Omit<ExecOptions, "input" | "accept"> & { readonly input: Iterable<Uint8Array> },
): AsyncGenerator<Uint8Array> {
  const running = execa(file, args, {
    extendEnv: false,
    env: options.env ?? {},
    timeout: options.timeoutMs ?? 60_000,
    encoding: "buffer",
    buffer: { stdout: false },
    input: Buffer.concat([...options.input]),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  try {
    for await (const chunk of running.iterable({ binary: true })) yield chunk;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    throw new AppError(
      { class: "engine", code: "EXEC_FAILED" },
      `Cannot finish "${file}": ${error.message}`,
      {
        cause: error,
      },
    );
  }
}
