import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Reporter } from "../../shared/reporter.ts";
import type { OwnSources } from "./own-sources.ts";
import { runPlan } from "./run-plan.ts";
import type { SandboxPlan } from "./sandbox.ts";

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

/** Throws AppError COMPILE_FAILED (engine), DISK_FULL (preflight), or the signal's reason; every process of the sandbox is gone by then. */
export async function runInSandbox(
  job: SandboxJob,
  deps: { readonly reporter: Reporter; readonly signal?: AbortSignal },
): Promise<void> {
  const { folders } = job;
  await layOut(job);
  const plan: SandboxPlan = {
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
  };
  await runPlan(plan, job.log, deps);
}

async function layOut({ folders, own }: SandboxJob): Promise<void> {
  await mkdir(join(folders.own, "launcher"), { recursive: true });
  await mkdir(folders.objects);
  await mkdir(folders.out);
  await writeFile(join(folders.own, "script"), own.script);
  for (const { name, bytes } of own.launcher) await writeFile(join(folders.own, "launcher", name), bytes);
}
