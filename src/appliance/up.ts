/** Starts the current release, or leaves nothing of it running. */
import { chown, mkdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApplianceManifest, ApplianceModel } from "../shared/appliance/manifest.ts";
import { modelAlias } from "../shared/appliance/model-alias.ts";
import { compareWithDemands, type ContainerDemands } from "../shared/engine/demands.ts";
import type { Engine } from "../shared/engine/engine.ts";
import { AppError, isErrno, messageOf } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import type { Reporter } from "../shared/reporter.ts";
import { compose, composeEnvFile, type ComposeTarget } from "./compose.ts";
import { takeDownProject } from "./down.ts";
import { compareIdentities } from "./loaded-images.ts";
import { chooseModel, readReleaseManifest, verifyModel } from "./release-files.ts";
import { currentRelease, modelRunFolder, modelSocket, releaseFolder, withState } from "./state.ts";

export type UpInput = {
  readonly stateRoot: string;
  readonly model: string | undefined;
  /** How long the model may take to load. */
  readonly timeoutMs: number;
};
export type UpDeps = { readonly engine: Engine; readonly reporter: Reporter; readonly signal: AbortSignal };

export type Running = {
  readonly releaseId: string;
  readonly container: string;
  readonly model: { readonly alias: string; readonly sha256: string };
  /** Where the host talks to the model. */
  readonly socket: string;
};

export const MODEL_CONTAINER = "cloister-model";
export const SEALED_NETWORK = "cloister-sealed";
/** The user that images/base makes for services. */
const SERVICE_ID = 10_001;
export const MODEL_DEMANDS: ContainerDemands = {
  user: `${SERVICE_ID}:${SERVICE_ID}`,
  networks: [SEALED_NETWORK],
  dns: ["127.0.0.1"],
};
const POLL_MS = 200;
const TAKE_DOWN_TIMEOUT_MS = 120_000;

/**
 * Throws AppError NO_RELEASE, NO_MODEL, MODEL_UNKNOWN (preflight); RELEASE_DAMAGED, MODEL_DIFFERS (integrity); IDENTITY_DIFFERS
 * (identity); NOT_HEALTHY (engine); DEMANDS_UNMET (failed-check); HALF_UP (half-done) where what was started could not be stopped.
 */
export async function up(input: UpInput, deps: UpDeps): Promise<Running> {
  const { stateRoot } = input;
  return await withState(stateRoot, async () => {
    const release = await currentRelease(stateRoot);
    const manifest = await readReleaseManifest(stateRoot, release);
    const model = chooseModel(manifest, input.model);
    deps.reporter.step(`Hash the model ${model.name}`);
    const modelFile = await verifyModel(releaseFolder(stateRoot, release.id), model, deps.signal);
    await compareIdentities(manifest, deps.engine, await deps.engine.info());
    await prepareRunFolder(stateRoot);
    const target = { stateRoot, releaseId: release.id, engineAddress: deps.engine.address };
    await writeFileWhole(
      composeEnvFile(stateRoot),
      environment({ manifest, model, modelFile, target }),
      0o600,
    );
    deps.reporter.step("Start the stack");
    await startOrTakeDown(target, input, deps);
    return {
      releaseId: release.id,
      container: MODEL_CONTAINER,
      model: { alias: modelAlias(model), sha256: model.sha256 },
      socket: modelSocket(stateRoot),
    };
  });
}

async function startOrTakeDown(target: ComposeTarget, input: UpInput, deps: UpDeps): Promise<void> {
  try {
    await compose(target, ["up", "--detach", "--no-build", "--pull", "never", "--quiet-pull"], deps.signal);
    await untilHealthy(input.timeoutMs, deps);
    await assertDemands(deps.engine);
  } catch (error) {
    await takeDown(deps.engine, error);
    throw error;
  }
}

/** Through the engine and not through Compose, which may be what failed; and whether or not we were told to stop. */
async function takeDown(engine: Engine, cause: unknown): Promise<void> {
  try {
    await takeDownProject(engine, AbortSignal.timeout(TAKE_DOWN_TIMEOUT_MS));
  } catch (error) {
    throw new AppError(
      { class: "half-done", code: "HALF_UP" },
      `Cannot stop what was started after "${messageOf(cause)}": ${messageOf(error)}`,
      { cause: error, hint: "cloister down" },
    );
  }
}

async function untilHealthy(timeoutMs: number, { engine, reporter, signal }: UpDeps): Promise<void> {
  reporter.step("Wait until the model answers");
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    signal.throwIfAborted();
    const facts = await engine.container(MODEL_CONTAINER);
    if (facts?.health === "healthy") return;
    const ended = facts?.state !== "running";
    // Unhealthy is no end: the stack's health check may give up on a large model before --timeout does.
    if (!ended && waitedMs < timeoutMs) {
      await sleep(POLL_MS, undefined, { signal });
      continue;
    }
    const state = ended
      ? `it is ${facts?.state ?? "gone"} with exit code ${facts?.exitCode ?? "unknown"}`
      : `it is ${facts.health ?? "without health"}`;
    const log = await engine.lastLog(MODEL_CONTAINER);
    throw new AppError(
      { class: "engine", code: "NOT_HEALTHY" },
      `Cannot get the model to answer: ${state} after ${Math.round(waitedMs / 1000)} s, expected healthy: ${log}`,
      { fields: { container: MODEL_CONTAINER, log }, hint: "The stack was taken down again" },
    );
  }
}

/** What was demanded in the compose file is not yet what an engine does. */
async function assertDemands(engine: Engine): Promise<void> {
  const facts = await engine.container(MODEL_CONTAINER);
  const network = await engine.network(SEALED_NETWORK);
  const unmet = facts === undefined ? [] : compareWithDemands(facts, MODEL_DEMANDS).filter(({ met }) => !met);
  const faults = unmet.map(({ demand, want, got }) => `${demand}: ${got}, expected ${want}`);
  if (facts === undefined) faults.push("the container is gone");
  if (network?.internal !== true) faults.push(`network "${SEALED_NETWORK}" is not internal`);
  if (faults.length === 0) return;
  throw new AppError(
    { class: "failed-check", code: "DEMANDS_UNMET" },
    `Cannot leave the stack running: ${faults.join("; ")}`,
    { fields: { faults }, hint: "The stack was taken down again" },
  );
}

async function prepareRunFolder(stateRoot: string): Promise<void> {
  const folder = modelRunFolder(stateRoot);
  await mkdir(folder, { recursive: true, mode: 0o750 });
  try {
    await chown(folder, SERVICE_ID, SERVICE_ID);
  } catch (error) {
    if (!isErrno(error, "EPERM")) throw error;
    throw new AppError(
      { class: "preflight", code: "NOT_ROOT" },
      `Cannot give "${folder}" to user ${SERVICE_ID}: not permitted, expected to run as root`,
      { cause: error, hint: "Run `cloister up` as root" },
    );
  }
}

function environment(of: {
  readonly manifest: ApplianceManifest;
  readonly model: ApplianceModel;
  readonly modelFile: string;
  readonly target: ComposeTarget;
}): string {
  const image = of.manifest.images.find(({ name }) => name === "llama-cpp");
  if (image === undefined) {
    throw new AppError(
      { class: "preflight", code: "NO_IMAGE" },
      "Cannot start: the appliance carries no image named llama-cpp",
    );
  }
  const values = {
    CLOISTER_IMAGE_LLAMA_CPP: image.reference,
    CLOISTER_MODEL_FILE: of.modelFile,
    CLOISTER_MODEL_ALIAS: modelAlias(of.model),
    CLOISTER_MODEL_MEMORY: String(memoryBytes(of.model)),
    CLOISTER_RUN: modelRunFolder(of.target.stateRoot),
    CLOISTER_RELEASE: of.target.releaseId,
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join("");
}

/** As Compose reads its env files: within double quotes a backslash takes the meaning from what follows it. */
function quoted(value: string): string {
  return `"${value.replace(/[\\"$]/g, String.raw`\$&`)}"`;
}

/** The file once as pages and once repacked for this CPU (measured: twice the file), and a gigabyte for context and code. */
function memoryBytes(model: ApplianceModel): number {
  return 2 * model.sizeBytes + (1 << 30);
}
