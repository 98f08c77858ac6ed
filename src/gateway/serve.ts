/** The gateway from top to bottom: its log, its doors, and what happens by the clock. */
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { createLogService } from "../audit/control/log-service.ts";
import { answerControl } from "../audit/control/server.ts";
import { createMaintenance, type Maintenance } from "../audit/maintain/maintenance.ts";
import { readOrMakePepper } from "../audit/pepper.ts";
import type { LoggedConfig } from "../audit/record.ts";
import { witnessAt } from "../audit/write/ask-witness.ts";
import { openReopeningLog } from "../audit/write/reopening-log.ts";
import { canonicalJson } from "../shared/canonical-json.ts";
import { digestOf, hexOf } from "../shared/digest.ts";
import type { GatewayConfig } from "../shared/gateway-config.ts";
import { listenAt, listenOnSocket } from "../shared/listen.ts";
import { VERSION } from "../shared/version.ts";
import { createGateway } from "./http/gateway.ts";
import { isUpstreamReady, type Health } from "./http/own-routes.ts";
import { readClients } from "./identity/clients.ts";
import { startTimers, reconcile } from "./timers.ts";
import { listUpstreams, openUpstream, type Upstreams } from "./upstream.ts";
import { watchDisk } from "./watch/disk.ts";
import { createAccounts } from "./watch/reconcile.ts";

export type Serving = {
  /** Port of the TCP door, where there is one: the one asked for, or a free one for 0. */
  readonly port: number | undefined;
  close(): Promise<void>;
};

/** Throws what opening the log throws, and CLIENTS_INVALID, PEPPER_INVALID, KEY_UNREADABLE. `note` is told what nobody waits for. */
export async function serve(config: GatewayConfig, note: (text: string) => void): Promise<Serving> {
  const { log: settings, keys } = config;
  const pepper = await readOrMakePepper(keys.pepper);
  const clients = keys.clients === undefined ? undefined : await readClients(keys.clients);
  const uiSecret = keys.uiJwt === undefined ? undefined : await readSecret(keys.uiJwt);

  let maintenance: Maintenance | undefined;

  function onDefect(error: unknown): void {
    note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  async function retain(): Promise<void> {
    await maintenance?.retain({ by: "gateway" });
  }

  const log = await openReopeningLog(
    { ...settings, signingKey: keys.signing, config: loggedConfig(config) },
    {
      ...(config.witness === undefined ? {} : { askWitness: witnessAt(config.witness.socket) }),
      onOpened: async (opened, server) => {
        maintenance = createMaintenance(opened, { policy: settings.retention, now: Date.now, isIdle: false });
        await maintenance.resume();
        answerControl(server, createLogService(opened, maintenance), onDefect);
      },
      onClosed: (why) => note(why.message),
      onNote: note,
    },
  );
  const disk = watchDisk(settings.folder, settings.reserveBytes);
  const upstreams = openUpstreams(config);
  const gateway = createGateway(
    {
      upstreams,
      mode: settings.mode,
      identity: {
        pepper,
        ...(clients === undefined ? {} : { clients }),
        ...(uiSecret === undefined ? {} : { uiSecret }),
      },
      ...config.policy,
    },
    {
      log,
      hasRoom: () => disk.hasRoom(),
      health: async () => await readHealth(),
      onDefect,
    },
  );

  async function readHealth(): Promise<Health> {
    const state = log.state();
    if (state.kind === "closed") return { status: "closed", reason: state.why.message };
    if (!disk.hasRoom()) return { status: "closed", reason: "The audit log's disk is nearly full" };
    const away = await findAway(upstreams);
    if (away !== undefined) return { status: "loading", reason: `The model "${away}" does not answer yet` };
    const { checkpointSize, cosignedSize } = log.status();
    if (config.witness !== undefined && cosignedSize < checkpointSize)
      return { status: "degraded", reason: "The witness has not cosigned the newest checkpoint" };
    return { status: "ok" };
  }

  const timing = {
    log,
    disk,
    upstreams: listUpstreams(upstreams),
    retain,
    onNote: note,
  };
  const low = await disk.look();
  if (low !== undefined) await log.append(low).durable;
  // What an earlier process kept beyond its time, or for its session alone, goes before anything new comes.
  await retain();
  // The first look only remembers where llama-server's counters stand.
  for (const upstream of timing.upstreams) await reconcile(log, upstream).catch(onDefect);
  const stopTimers = startTimers(timing);
  await listenOnSocket(gateway.server("socket"), config.listen.socket);
  const port =
    config.listen.tcp === undefined
      ? undefined
      : await listenOnPort(gateway.server("tcp"), config.listen.tcp);

  return {
    port,
    close: async () => {
      stopTimers();
      await gateway.close();
      await log.close();
    },
  };
}

/** What happens to one server is said of it by name where there are two. */
function openUpstreams({ upstream, model, embedding }: GatewayConfig): Upstreams {
  const main = { socketPath: upstream.socket, alias: model.alias };
  if (embedding === undefined) return { main: openUpstream({ ...main, accounts: createAccounts() }) };
  return {
    main: openUpstream({ ...main, accounts: createAccounts(main.alias) }),
    embedding: openUpstream({
      socketPath: embedding.socket,
      alias: embedding.alias,
      accounts: createAccounts(embedding.alias),
    }),
  };
}

/** Name of the first model that does not answer. */
async function findAway(upstreams: Upstreams): Promise<string | undefined> {
  const listed = listUpstreams(upstreams);
  const ready = await Promise.all(listed.map(isUpstreamReady));
  return listed.find((_, index) => ready[index] !== true)?.alias;
}

function loggedConfig({ log, model, embedding, images, policy }: GatewayConfig): LoggedConfig {
  const { mode, content, recipients, retention, zone } = log;
  return {
    version: VERSION,
    mode,
    content,
    recipients,
    retention,
    zone,
    model,
    ...(embedding === undefined ? {} : { embedding: { alias: embedding.alias, sha256: embedding.sha256 } }),
    images,
    policy: hexOf(digestOf(canonicalJson(policy))),
  };
}

async function readSecret(path: string): Promise<Uint8Array> {
  return Buffer.from((await readFile(path, "utf8")).trim());
}

async function listenOnPort(
  server: Server,
  where: { readonly host: string; readonly port: number },
): Promise<number> {
  await listenAt(server, where);
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : where.port;
}
