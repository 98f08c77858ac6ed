/** The container made for the moment: from the running container's own image, in its network and process name spaces, with no power. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "../../shared/canonical-json.ts";
import type { Engine } from "../../shared/engine/engine.ts";
import { AppError } from "../../shared/errors.ts";
import { writeFileWhole } from "../../shared/file.ts";
import { parseInsideAnswer, type InsideAnswer } from "../inside/answer.ts";
import { PLAN_PATH, type InsidePlan } from "../inside/plan.ts";
import type { CompanionProgram } from "../subject.ts";

export type CompanionPlace = {
  /** What the container of the moment is called. */
  readonly name: string;
  /** An image ID. */
  readonly image: string;
  /** "container:<id>" or a network's name. */
  readonly network: string;
  /** "container:<id>"; a twin has processes of its own. */
  readonly pidMode?: string;
};

export type CompanionDeps = {
  readonly engine: Pick<Engine, "runOnce">;
  /** A folder of this host that the engine can mount files from. */
  readonly scratch: string;
  readonly signal: AbortSignal;
};

const PROGRAM_FOLDER = "/opt/cloister";
const TIMEOUT_MS = 300_000;
const LIMIT_BYTES = 4 << 20;

/** Throws AppError VERIFY_ANSWER_INVALID (inconclusive) where the companion gave no answer, and what the engine throws. */
export async function runCompanion(
  place: CompanionPlace,
  { plan, program }: { readonly plan: InsidePlan; readonly program: CompanionProgram },
  deps: CompanionDeps,
): Promise<InsideAnswer> {
  const folder = await mkdtemp(join(deps.scratch, "verify-"));
  try {
    const planFile = join(folder, "plan.json");
    await writeFileWhole(planFile, canonicalJson(plan));
    const { exitCode, stdout, stderr } = await deps.engine.runOnce({
      name: place.name,
      reference: place.image,
      entrypoint: program.command,
      command: [],
      user: `${plan.user.uid}:${plan.user.gid}`,
      network: place.network,
      // Asked once and waited for as long as glibc does by itself.
      env: ["LANG=C.UTF-8", "RES_OPTIONS=timeout:5 attempts:1"],
      ...(place.pidMode === undefined ? {} : { pidMode: place.pidMode }),
      mounts: [
        { source: program.folder, target: PROGRAM_FOLDER },
        { source: planFile, target: PLAN_PATH },
      ],
      tmpfs: ["/tmp"],
      timeoutMs: TIMEOUT_MS,
      outputLimitBytes: LIMIT_BYTES,
      signal: deps.signal,
    });
    if (exitCode !== 0) throw failed(exitCode, stderr);
    return parseInsideAnswer(stdout, plan.nonce);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function failed(exitCode: number, stderr: string): AppError {
  return new AppError(
    { class: "inconclusive", code: "VERIFY_ANSWER_INVALID" },
    `Cannot verify from inside: the companion ended with exit code ${exitCode}: ${stderr.slice(-500).trim()}`,
  );
}
