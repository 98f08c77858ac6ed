import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../shared/errors.ts";
import { execStream } from "../../shared/exec-stream.ts";
import type { Reporter } from "../../shared/reporter.ts";
import { followLog } from "./build-log.ts";
import type { OwnSources } from "./own-sources.ts";
import { SANDBOX_PROGRAM, sandboxArguments } from "./sandbox.ts";

export type SandboxJob = {
  /** Host folders; the first two are there, the others are made. */
  readonly folders: {
    readonly root: string;
    readonly source: string;
    readonly own: string;
    readonly objects: string;
    readonly out: string;
  };
  readonly own: OwnSources;
  /** Host file for the whole output; it stays where the script fails. */
  readonly log: string;
  readonly environment: Readonly<Record<string, string>>;
};

const TIME_LIMIT_MS = 6 * 3_600_000;

/** Throws AppError COMPILE_FAILED (engine), DISK_FULL (preflight), or the signal's reason; every process of the sandbox is gone by then. */
export async function runInSandbox(
  job: SandboxJob,
  deps: { readonly reporter: Reporter; readonly signal?: AbortSignal },
): Promise<void> {
  const { folders } = job;
  await layOut(job);
  const args = sandboxArguments({
    root: folders.root,
    readOnly: [
      { from: folders.source, to: "/build/src" },
      { from: join(folders.own, "launcher"), to: "/build/launcher" },
      { from: join(folders.own, "script"), to: "/build/script" },
    ],
    writable: [
      { from: folders.objects, to: "/build/obj" },
      { from: folders.out, to: "/out" },
    ],
    environment: job.environment,
    workingDir: "/build",
    // One stream, so that an error stands in the log where it happened.
    command: ["/bin/sh", "-c", "exec /bin/sh /build/script 2>&1"],
  });
  const output = execStream(SANDBOX_PROGRAM, args, {
    timeoutMs: TIME_LIMIT_MS,
    ...(deps.signal === undefined ? {} : { signal: deps.signal }),
  });
  const log = followLog(output, job.log, deps.reporter);
  try {
    await log.finished;
  } catch (error) {
    const failed = error instanceof AppError && error.code === "EXEC_FAILED" && deps.signal?.aborted !== true;
    if (failed) throw compileFailed(error, log.tail(), job.log);
    await rm(job.log, { force: true });
    deps.signal?.throwIfAborted();
    throw error;
  }
  await rm(job.log);
}

async function layOut({ folders, own }: SandboxJob): Promise<void> {
  await mkdir(join(folders.own, "launcher"), { recursive: true });
  await mkdir(folders.objects);
  await mkdir(folders.out);
  await writeFile(join(folders.own, "script"), own.script);
  for (const { name, bytes } of own.launcher) await writeFile(join(folders.own, "launcher", name), bytes);
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
