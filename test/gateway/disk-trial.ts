/** One gateway under load whose log lies on a small disk, and what its clients see before and after something happens to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startGateway, type Gateway, type GatewayOptions } from "../../bench/gateway/gateway.ts";
import { startUpstream, type Upstream } from "../../bench/gateway/processes.ts";
import { makeSmallDisk, type DiskOptions, type SmallDisk } from "./disk-mounts.ts";
import { startCrowd, type Ask, type Crowd } from "./kill-crowd.ts";

export type Trial = {
  readonly folder: string;
  readonly disk: SmallDisk;
  readonly upstream: Upstream;
  readonly gateway: Gateway;
  /** Starts clients; resolves when answers have come. */
  crowd(): Promise<Crowd>;
  /** Resolves after this long. */
  wait(ms: number): Promise<void>;
  remove(): Promise<void>;
};

export type TrialOptions = Pick<GatewayOptions, "mode" | "reserveBytes" | "env" | "maxSegmentBytes"> & {
  readonly disk?: DiskOptions;
};

const CLIENTS = 8;
/** A fifth of a second for a stream. */
const SCRIPT = { tokens: 20, intervalMs: 10, sizeBytes: 32 };
const DISK: DiskOptions = { sizeBytes: 64 << 20, journal: true };

export async function openTrial({ disk: diskOptions, ...options }: TrialOptions = {}): Promise<Trial> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-trial-"));
  const disk = await makeSmallDisk(diskOptions ?? DISK);
  const upstream = await startUpstream(folder);
  const gateway = await startGateway({
    folder: join(folder, "gateway"),
    log: join(disk.path, "log"),
    upstreamSocket: upstream.socket,
    ...options,
  });
  let crowds = 0;
  return {
    folder,
    disk,
    upstream,
    gateway,
    crowd: async () => {
      crowds += 1;
      const crowd = startCrowd({ port: gateway.port, clients: CLIENTS, script: SCRIPT, name: `c${crowds}` });
      await untilAnswered(crowd);
      return crowd;
    },
    wait: async (ms) => await sleep(ms),
    remove: async () => {
      await gateway.program().kill();
      await upstream.program.stop(1_000);
      await disk.remove();
      await rm(folder, { recursive: true });
    },
  };
}

async function untilAnswered({ asks }: Crowd): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (asks.filter(({ whole }) => whole).length < CLIENTS * 2) {
    if (performance.now() > deadline)
      throw new Error(`Nothing is answered: ${JSON.stringify(asks.slice(0, 3))}`);
    await sleep(20);
  }
}

/** Asks that began when it had happened. */
export function after(asks: readonly Ask[], moment: number): readonly Ask[] {
  return asks.filter(({ beganAt }) => beganAt > moment);
}
