/** A folder on the machine's disk, the stand-in for llama-server and the client, for as long as a measurement takes. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClient, startUpstream, type Client, type Upstream } from "./processes.ts";

/** BENCH_FOLDER: where the logs lie while they are measured; it must be on the disk that is meant. */
const PARENT = process.env["BENCH_FOLDER"] ?? tmpdir();
/** Peers are installed here once and kept. */
const PEERS = process.env["BENCH_PEERS"] ?? join(tmpdir(), "cloister-bench-peers");

export type Setting = {
  readonly folder: string;
  readonly peers: string;
  readonly upstream: Upstream;
  readonly client: Client;
};

export async function withSetting(use: (setting: Setting) => Promise<void>): Promise<void> {
  await mkdir(PEERS, { recursive: true });
  const folder = await mkdtemp(join(PARENT, "cloister-bench-"));
  const stops: (() => Promise<void>)[] = [async () => await rm(folder, { recursive: true })];
  try {
    const upstream = await startUpstream(folder);
    stops.push(async () => await upstream.program.stop(1_000));
    const client = await startClient(folder);
    stops.push(async () => await client.stop());
    await use({ folder, peers: PEERS, upstream, client });
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}
