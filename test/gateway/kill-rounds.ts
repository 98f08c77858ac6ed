/**
 * Kills a gateway under load again and again, starts it anew, and holds what its clients saw against what its log says.
 * The page cache survives a killed process: this shows the order of writing and answering and what recovery does, not the disk.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { prepareGateway, type Gateway } from "../../bench/gateway/gateway.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import type { LogVerdict } from "../../src/audit/verify/verdict.ts";
import { startUpstream, type Upstream } from "../../bench/gateway/processes.ts";
import { startCrowd, type Ask } from "./kill-crowd.ts";
import { readLog, type LogContents } from "./kill-log.ts";

export type KillOptions = {
  readonly kills: number;
  readonly mode: "request" | "strict" | "async";
  readonly content: "sealed" | "plain";
  /** The whole log is verified as the kill left it after so many kills, and at the end in any case. */
  readonly verifyEvery: number;
};

export type KillTally = {
  readonly kills: number;
  readonly asks: readonly Ask[];
  readonly log: LogContents;
  /** Verdicts on the log as kills left it. */
  readonly afterKills: readonly LogVerdict[];
  readonly atTheEnd: LogVerdict;
};

const CLIENTS = 32;
/** About a tenth of a second each. */
const SCRIPT = { tokens: 20, intervalMs: 5, sizeBytes: 16 };
/** Rotation and compression happen during the kills as well. */
const SEGMENT_BYTES = 1 << 20;
/** Every fourth kill hits a process that starts, and maybe recovers what the last one left. */
const STARTING_MS = 600;
const ANSWERING_MS = 800;

export async function killRounds(options: KillOptions): Promise<KillTally> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-kill-"));
  const upstream = await startUpstream(folder);
  try {
    return await killAll(options, folder, upstream);
  } finally {
    await upstream.program.stop(1_000);
    await rm(folder, { recursive: true });
  }
}

async function killAll(options: KillOptions, folder: string, upstream: Upstream): Promise<KillTally> {
  const identity = await generateX25519Identity();
  const gateway = await prepareGateway({
    folder: join(folder, "gateway"),
    upstreamSocket: upstream.socket,
    mode: options.mode,
    content: options.content,
    recipients: options.content === "sealed" ? [await identityToRecipient(identity)] : [],
    maxSegmentBytes: SEGMENT_BYTES,
  });
  const crowd = startCrowd({ port: gateway.port, clients: CLIENTS, script: SCRIPT, name: options.mode });
  const afterKills: LogVerdict[] = [];
  for (let kill = 1; kill <= options.kills; kill += 1) {
    await liveAndDie(gateway, kill);
    if (kill % options.verifyEvery === 0) afterKills.push(await verifyLog(gateway.log));
  }
  await gateway.start();
  await crowd.stop();
  await gateway.program().stop(10_000);
  const log = await readLog(gateway.log, identity);
  return { kills: options.kills, asks: crowd.asks, log, afterKills, atTheEnd: await verifyLog(gateway.log) };
}

async function liveAndDie(gateway: Gateway, kill: number): Promise<void> {
  const isStarting = kill % 4 === 0;
  await (isStarting ? gateway.launch() : gateway.start());
  const lifeMs = Math.random() * (isStarting ? STARTING_MS : ANSWERING_MS);
  await Promise.race([sleep(lifeMs), gateway.program().ended]);
  if (!gateway.program().isRunning()) throw new Error(`The gateway ended by itself: ${gateway.output()}`);
  await gateway.program().kill();
}
