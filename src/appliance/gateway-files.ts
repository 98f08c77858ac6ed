/** What the gateway's container is given: its folders, each with its owner, and its configuration. */
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ApplianceModel } from "../shared/appliance/manifest.ts";
import { modelAlias } from "../shared/appliance/model-alias.ts";
import { digestOf, type Digest } from "../shared/digest.ts";
import { AppError, isErrno } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import type { GatewayConfig } from "../shared/gateway-config.ts";
import type { AuditSettings } from "./audit-settings.ts";
import type { ClientKey } from "./clients.ts";
import { GATEWAY_PORT, USERS, type Topology } from "./stack.ts";
import { auditFolder, runFolder } from "./state.ts";

const MAX_SEGMENT_BYTES = 256 << 20;
const MAX_BODY_BYTES = 32 << 20;
/** Room for what requests that are under way may still bring. */
const RESERVE_BYTES = 256 << 20;

type Owned = {
  readonly path: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly mode: number;
};

/** Throws AppError NOT_ROOT (preflight). */
export async function makeGatewayFolders(stateRoot: string): Promise<void> {
  const [run, audit] = [runFolder(stateRoot), auditFolder(stateRoot)];
  for (const one of [
    { path: join(run, "model"), user: USERS.model, mode: 0o750 },
    { path: join(run, "gateway"), user: USERS.gateway, mode: 0o750 },
    { path: join(run, "witness"), user: USERS.witness, mode: 0o750 },
    { path: join(audit, "log"), user: USERS.gateway, mode: 0o700 },
    { path: join(audit, "keys"), user: USERS.gateway, mode: 0o700 },
    { path: join(audit, "witness"), user: USERS.witness, mode: 0o700 },
  ])
    await makeOwned(one);
}

export type GatewayFacts = {
  readonly topology: Topology;
  readonly settings: AuditSettings;
  readonly clients: readonly ClientKey[];
  readonly model: ApplianceModel;
  /** References with digests. */
  readonly images: readonly string[];
};

/** Returns the digest of what was written: another configuration is another container. */
export async function writeGatewayConfig(stateRoot: string, facts: GatewayFacts): Promise<Digest> {
  const keys = join(auditFolder(stateRoot), "keys");
  if (facts.clients.length > 0) {
    const path = join(keys, "clients.json");
    await writeFileWhole(path, `${JSON.stringify(facts.clients, undefined, 2)}\n`, 0o600);
    await giveTo({ path, user: USERS.gateway, mode: 0o600 });
  }
  const text = `${JSON.stringify(gatewayConfig(facts), undefined, 2)}\n`;
  const path = join(runFolder(stateRoot), "gateway.json");
  await writeFileWhole(path, text, 0o640);
  await giveTo({ path, user: { uid: 0, gid: USERS.gateway.gid }, mode: 0o640 });
  return digestOf(text);
}

/** Paths as the container sees them. */
function gatewayConfig({ topology, settings, clients, model, images }: GatewayFacts): GatewayConfig {
  const { content, recipients, mode, zone, retention } = settings;
  const host = topology === "internal" ? "0.0.0.0" : "127.0.0.1";
  const keys = "/var/lib/cloister/keys";
  return {
    format: 1,
    listen: { tcp: { host, port: GATEWAY_PORT }, socket: "/run/cloister/gateway/gateway.sock" },
    upstream: { socket: "/run/cloister/model/llama.sock" },
    model: { alias: modelAlias(model), sha256: model.sha256 },
    images,
    log: {
      folder: "/var/lib/cloister/log",
      mode,
      content,
      recipients,
      zone,
      maxSegmentBytes: MAX_SEGMENT_BYTES,
      retention,
      reserveBytes: RESERVE_BYTES,
    },
    keys: {
      signing: `${keys}/log.key`,
      pepper: `${keys}/pepper`,
      ...(clients.length === 0 ? {} : { clients: `${keys}/clients.json` }),
    },
    witness: { socket: "/run/cloister/witness/witness.sock" },
    policy: { native: [], maxBodyBytes: MAX_BODY_BYTES, allowOrigins: [] },
  };
}

async function makeOwned(owned: Owned): Promise<void> {
  await mkdir(owned.path, { recursive: true, mode: owned.mode });
  await giveTo(owned);
}

async function giveTo({ path, user, mode }: Owned): Promise<void> {
  try {
    await chown(path, user.uid, user.gid);
    await chmod(path, mode);
  } catch (error) {
    if (!isErrno(error, "EPERM")) throw error;
    throw new AppError(
      { class: "preflight", code: "NOT_ROOT" },
      `Cannot give "${path}" to user ${user.uid}: not permitted, expected to run as root`,
      { cause: error, hint: "Run `cloister up` as root" },
    );
  }
}
