import type { Engine } from "../shared/engine/engine.ts";
import { askLocal } from "../shared/local-http.ts";
import { readAuditSettings } from "./audit-settings.ts";
import { projectOf } from "./down.ts";
import { auditLogFolder, currentRelease, gatewaySocket, listReleases } from "./state.ts";
import { AppError } from "../shared/errors.ts";

export type Status = {
  readonly releases: readonly string[];
  readonly current: string | undefined;
  readonly containers: readonly { readonly name: string; readonly state: string; readonly health: string }[];
  readonly socket: string;
  /** What the gateway says of itself; undefined where it does not answer. */
  readonly gateway: string | undefined;
  readonly log: { readonly folder: string; readonly content: string; readonly mode: string } | undefined;
};

/** Changes nothing. */
export async function readStatus(stateRoot: string, engine: Engine): Promise<Status> {
  const { containers } = await projectOf(engine);
  const facts = await Promise.all(containers.map((name) => engine.container(name)));
  return {
    releases: (await listReleases(stateRoot)).map(({ id }) => id),
    current: await currentId(stateRoot),
    containers: facts.flatMap((one) =>
      one === undefined ? [] : [{ name: one.name, state: one.state, health: one.health ?? "not checked" }],
    ),
    socket: gatewaySocket(stateRoot),
    gateway: await askGateway(stateRoot),
    log: await describeLog(stateRoot),
  };
}

async function askGateway(stateRoot: string): Promise<string | undefined> {
  try {
    const call = { method: "GET", path: "/health" } as const;
    return (await askLocal({ socketPath: gatewaySocket(stateRoot) }, call)).body;
  } catch (error) {
    if (error instanceof AppError && error.code === "LOCAL_SERVER_UNREACHABLE") return undefined;
    throw error;
  }
}

async function describeLog(stateRoot: string): Promise<Status["log"]> {
  const settings = await readAuditSettings(stateRoot);
  if (settings === undefined) return undefined;
  const { content, mode } = settings;
  return { folder: auditLogFolder(stateRoot), content, mode };
}

async function currentId(stateRoot: string): Promise<string | undefined> {
  try {
    return (await currentRelease(stateRoot)).id;
  } catch (error) {
    if (error instanceof AppError && error.code === "NO_RELEASE") return undefined;
    throw error;
  }
}
