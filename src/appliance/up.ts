/** Starts the current release, or leaves nothing of it running. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ApplianceManifest, ApplianceModel } from "../shared/appliance/manifest.ts";
import { modelAlias } from "../shared/appliance/model-alias.ts";
import { compareWithDemands } from "../shared/engine/demands.ts";
import type { Engine } from "../shared/engine/engine.ts";
import { AppError, messageOf } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import { askLocal } from "../shared/local-http.ts";
import type { Reporter } from "../shared/reporter.ts";
import { settleAuditSettings, type AuditSettings, type AuditWishes } from "./audit-settings.ts";
import { settleClients } from "./clients.ts";
import { compose, composeEnvFile, type ComposeTarget } from "./compose.ts";
import { takeDownProject } from "./down.ts";
import { makeGatewayFolders, writeGatewayConfig } from "./gateway-files.ts";
import { compareIdentities } from "./loaded-images.ts";
import { chooseModel, readReleaseManifest, verifyModel } from "./release-files.ts";
import { nameOf, SEALED_NETWORK, stackOf, type StackContainer, type Topology } from "./stack.ts";
import {
  auditFolder,
  auditLogFolder,
  currentRelease,
  gatewaySocket,
  releaseFolder,
  runFolder,
  withState,
} from "./state.ts";

export type UpInput = {
  readonly stateRoot: string;
  readonly topology: Topology;
  readonly model: string | undefined;
  readonly audit: AuditWishes;
  /** Clients that are to have a key; from the first one on, everybody who asks over TCP needs one. */
  readonly clients: readonly string[];
  /** How long the model may take to load. */
  readonly timeoutMs: number;
};
export type UpDeps = { readonly engine: Engine; readonly reporter: Reporter; readonly signal: AbortSignal };

export type Running = {
  readonly releaseId: string;
  readonly topology: Topology;
  readonly containers: readonly string[];
  readonly model: { readonly alias: string; readonly sha256: string };
  /** Where the host talks to the gateway. */
  readonly socket: string;
  readonly log: { readonly folder: string } & AuditSettings;
};

const POLL_MS = 200;
const HEALTH_TIMEOUT_MS = 5_000;
const TAKE_DOWN_TIMEOUT_MS = 120_000;

/**
 * Throws AppError NO_RELEASE, NO_MODEL, MODEL_UNKNOWN, AUDIT_RECIPIENT_MISSING (preflight); RELEASE_DAMAGED, MODEL_DIFFERS (integrity);
 * IDENTITY_DIFFERS (identity); NOT_HEALTHY (engine); DEMANDS_UNMET (failed-check); HALF_UP (half-done) where what was started could not
 * be stopped.
 */
export async function up(input: UpInput, deps: UpDeps): Promise<Running> {
  const { stateRoot, topology } = input;
  return await withState(stateRoot, async () => {
    const release = await currentRelease(stateRoot);
    const manifest = await readReleaseManifest(stateRoot, release);
    const model = chooseModel(manifest, input.model);
    deps.reporter.step(`Hash the model ${model.name}`);
    const modelFile = await verifyModel(releaseFolder(stateRoot, release.id), model, deps.signal);
    await compareIdentities(manifest, deps.engine, await deps.engine.info());
    const settings = await settleAuditSettings(stateRoot, input.audit);
    const clients = await settleClients(stateRoot, input.clients);
    await makeGatewayFolders(stateRoot);
    const images = manifest.images.map(({ reference, manifestDigest }) => `${reference}@${manifestDigest}`);
    const config = await writeGatewayConfig(stateRoot, { topology, settings, clients, model, images });
    const target = { stateRoot, releaseId: release.id, engineAddress: deps.engine.address, topology };
    const environment = environmentOf({ manifest, model, modelFile, config, target });
    await writeFileWhole(composeEnvFile(stateRoot), environment, 0o600);
    deps.reporter.step("Start the stack");
    await startOrTakeDown(target, input, deps);
    return {
      releaseId: release.id,
      topology,
      containers: stackOf(topology).map(({ container }) => container),
      model: { alias: modelAlias(model), sha256: model.sha256 },
      socket: gatewaySocket(stateRoot),
      log: { folder: auditLogFolder(stateRoot), ...settings },
    };
  });
}

async function startOrTakeDown(target: ComposeTarget, input: UpInput, deps: UpDeps): Promise<void> {
  try {
    const up = ["up", "--detach", "--no-build", "--pull", "never", "--quiet-pull", "--remove-orphans"];
    await compose(target, up, deps.signal);
    await untilHealthy(input, deps);
    await assertDemands(input.topology, deps.engine);
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

/** The engine tells of the model, whose health check costs nothing; the gateway tells of itself. */
async function untilHealthy(input: UpInput, deps: UpDeps): Promise<void> {
  const deadline = performance.now() + input.timeoutMs;
  deps.reporter.step("Wait until the model answers");
  await until(nameOf("model"), { deadline, deps }, async () => {
    const facts = await deps.engine.container(nameOf("model"));
    return facts?.health === "healthy" ? undefined : (facts?.health ?? "without health");
  });
  deps.reporter.step("Wait until the gateway answers");
  await until(nameOf("gateway"), { deadline, deps }, async () => await gatewayState(input.stateRoot));
}

async function until(
  container: string,
  { deadline, deps }: { readonly deadline: number; readonly deps: UpDeps },
  look: () => Promise<string | undefined>,
): Promise<void> {
  const { engine, signal } = deps;
  const began = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const facts = await engine.container(container);
    const ended = facts?.state !== "running";
    const missing = ended ? undefined : await look();
    if (!ended && missing === undefined) return;
    // Unhealthy is no end: the stack's health check may give up on a large model before --timeout does.
    if (!ended && performance.now() < deadline) {
      await sleep(POLL_MS, undefined, { signal });
      continue;
    }
    const state = ended
      ? `it is ${facts?.state ?? "gone"} with exit code ${facts?.exitCode ?? "unknown"}`
      : `it is ${missing ?? ""}`;
    const log = await engine.lastLog(container);
    throw new AppError(
      { class: "engine", code: "NOT_HEALTHY" },
      `Cannot get ${container} to answer: ${state} after ${Math.round((performance.now() - began) / 1000)} s, expected healthy: ${log}`,
      { fields: { container, log }, hint: "The stack was taken down again" },
    );
  }
}

/** undefined where it is well; what it says of itself otherwise. */
async function gatewayState(stateRoot: string): Promise<string | undefined> {
  try {
    const call = { method: "GET", path: "/health", timeoutMs: HEALTH_TIMEOUT_MS } as const;
    const { status, body } = await askLocal({ socketPath: gatewaySocket(stateRoot) }, call);
    return status === 200 ? undefined : body;
  } catch (error) {
    if (error instanceof AppError && error.code === "LOCAL_SERVER_UNREACHABLE") return error.message;
    throw error;
  }
}

/** What was demanded in the compose file is not yet what an engine does. */
async function assertDemands(topology: Topology, engine: Engine): Promise<void> {
  const faults: string[] = [];
  for (const one of stackOf(topology)) faults.push(...(await faultsOf(one, engine)));
  if (topology === "internal" && (await engine.network(SEALED_NETWORK))?.internal !== true)
    faults.push(`network "${SEALED_NETWORK}" is not internal`);
  if (faults.length === 0) return;
  throw new AppError(
    { class: "failed-check", code: "DEMANDS_UNMET" },
    `Cannot leave the stack running: ${faults.join("; ")}`,
    { fields: { faults }, hint: "The stack was taken down again" },
  );
}

async function faultsOf({ container, demands }: StackContainer, engine: Engine): Promise<readonly string[]> {
  const facts = await engine.container(container);
  if (facts?.state !== "running") return [`${container} is ${facts?.state ?? "gone"}`];
  const owner = demands.networkOf === undefined ? undefined : await engine.container(demands.networkOf);
  return compareWithDemands(facts, demands, owner)
    .filter(({ met }) => !met)
    .map(({ demand, want, got }) => `${container}: ${demand}: ${got}, expected ${want}`);
}

function environmentOf(of: {
  readonly manifest: ApplianceManifest;
  readonly model: ApplianceModel;
  readonly modelFile: string;
  readonly config: string;
  readonly target: ComposeTarget;
}): string {
  const { stateRoot, releaseId } = of.target;
  const values = {
    CLOISTER_IMAGE_LLAMA_CPP: referenceOf(of.manifest, "llama-cpp"),
    CLOISTER_IMAGE_GATEWAY: referenceOf(of.manifest, "gateway"),
    CLOISTER_MODEL_FILE: of.modelFile,
    CLOISTER_MODEL_ALIAS: modelAlias(of.model),
    CLOISTER_MODEL_MEMORY: String(memoryBytes(of.model)),
    CLOISTER_RUN: runFolder(stateRoot),
    CLOISTER_AUDIT: auditFolder(stateRoot),
    CLOISTER_GATEWAY_CONFIG: of.config,
    CLOISTER_RELEASE: releaseId,
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join("");
}

function referenceOf({ images }: ApplianceManifest, name: StackContainer["image"]): string {
  const image = images.find((one) => one.name === name);
  if (image !== undefined) return image.reference;
  throw new AppError(
    { class: "preflight", code: "NO_IMAGE" },
    `Cannot start: the appliance carries no image named ${name}`,
  );
}

/** As Compose reads its env files: within double quotes a backslash takes the meaning from what follows it. */
function quoted(value: string): string {
  return `"${value.replace(/[\\"$]/g, String.raw`\$&`)}"`;
}

/** The file once as pages and once repacked for this CPU (measured: twice the file), and a gigabyte for context and code. */
function memoryBytes(model: ApplianceModel): number {
  return 2 * model.sizeBytes + (1 << 30);
}
