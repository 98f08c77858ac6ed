import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "../../shared/errors.ts";
import { execStream } from "../../shared/exec-stream.ts";
import type { Reporter } from "../../shared/reporter.ts";
import { followLog } from "./build-log.ts";
import { SANDBOX_PROGRAM, sandboxArguments, type SandboxPlan } from "./sandbox.ts";

const TIME_LIMIT_MS = 6 * 3_600_000;

/**
 * Runs a plan to its end. `path` is for the whole output; it stays where the command fails. Throws AppError COMPILE_FAILED (engine),
 * DISK_FULL (preflight), or the signal's reason; every process of the sandbox is gone by then.
 */
export async function runPlan(
  plan: SandboxPlan,
  path: string,
  deps: { readonly reporter: Reporter; readonly signal?: AbortSignal },
): Promise<void> {
  const output = execStream(SANDBOX_PROGRAM, sandboxArguments(plan), {
    timeoutMs: TIME_LIMIT_MS,
    ...(deps.signal === undefined ? {} : { signal: deps.signal }),
  });
  const log = followLog(output, path, deps.reporter);
  try {
    await log.finished;
  } catch (error) {
    const failed = error instanceof AppError && error.code === "EXEC_FAILED" && deps.signal?.aborted !== true;
    if (failed) throw compileFailed(error, log.tail(), path);
    await rm(path, { force: true });
    deps.signal?.throwIfAborted();
    throw error;
  }
  await rm(path);
}

function compileFailed(cause: AppError, tail: readonly string[], log: string): AppError {
  const stderr = String(cause.fields["stderr"] ?? "").trim();
  const lines = [...tail, ...(stderr === "" ? [] : stderr.split("\n"))];
  const details = {
    cause,
    fields: { log, tail: lines },
    hint: `The whole output is in "${log}" until the next build`,
  };
  if (lines.some((line) => line.includes("No space left on device"))) {
    return new AppError(
      { class: "preflight", code: "DISK_FULL" },
      `Cannot compile below "${dirname(log)}": the disk is full, expected room for the objects`,
      details,
    );
  }
  return new AppError(
    { class: "engine", code: "COMPILE_FAILED" },
    `Cannot compile in the sandbox: the script failed, expected exit code 0; its last lines:\n${lines.join("\n")}`,
    details,
  );
}
