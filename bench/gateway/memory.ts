/**
 * Memory of the gateway: node bench/gateway/memory.ts
 * How it grows over 100,000 requests, what live streams hold for each byte of their text, and what clients take that do not read.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf, textBytes, withProbed, type Probed } from "./memory-probed.ts";
import { startOurs } from "./peers/ours.ts";
import { encodeScript } from "./script.ts";
import { withSetting, type Setting } from "./setting.ts";
import { machine, markdownTable } from "./table.ts";
import { chatRequest, type Target } from "./target.ts";

const REQUESTS = Number(process.env["BENCH_REQUESTS"] ?? 100_000);
const STEPS = 10;
const WARM_UP = 5_000;
const MIB = 2 ** 20;
const SAMPLE_MS = 200;
const REST_MS = 1_500;

await withSetting(async (setting) => {
  process.stdout.write(await growth(setting));
  process.stdout.write(await perStream(setting));
  process.stdout.write(await perIdleReader(setting));
});

async function growth({ folder, upstream, client }: Setting): Promise<string> {
  const ours = await startOurs(join(folder, "growth"), upstream, "request");
  const [pid = 0] = ours.pids;
  const ask = async (requests: number) =>
    await client.latency({
      target: ours.target,
      requests,
      connections: 16,
      requestBytes: 4_096,
      script: { tokens: 96 },
    });
  const rows: string[][] = [];
  try {
    await ask(WARM_UP);
    const base = await memoryOf(pid);
    let asked = 0;
    for (let step = 0; step <= STEPS; step += 1) {
      const { rss, peak, files } = await memoryOf(pid);
      rows.push([String(asked), rss.toFixed(1), (rss - base.rss).toFixed(1), peak.toFixed(1), String(files)]);
      if (step < STEPS) asked += REQUESTS / STEPS;
      if (step < STEPS) await ask(REQUESTS / STEPS);
    }
  } finally {
    await ours.stop();
  }
  return markdownTable(`The gateway's memory over ${REQUESTS} requests`, {
    head: ["requests", "resident MiB", "grown by", "peak MiB", "open files"],
    rows,
    note: `${machine(1)} Mode request, 16 connections, after ${WARM_UP} requests.`,
  });
}

/** One after the other, each in a gateway of its own: what the heap grew by for the one before is not there for the next. */
async function perStream(setting: Setting): Promise<string> {
  const rows: string[][] = [];
  for (const [streams, mib, intervalMs] of [
    [1, 1, 1],
    [1, 8, 1],
    [1, 32, 0],
    [16, 2, 1],
    [16, 8, 1],
    [64, 2, 4],
  ] as const) {
    const script = { tokens: mib * 1_024, sizeBytes: 1_024, intervalMs };
    const ask = async ({ target }: Probed) => await setting.client.streams({ target, streams, script });
    const live = await withProbed(setting, async (probed) => await mostLive(setting, probed, ask(probed)));
    const grown = await withProbed(setting, async (probed) => {
      const before = await memoryOf(probed.pid);
      const { wrong } = await ask(probed);
      const { peak } = await memoryOf(probed.pid);
      return { mib: peak - before.rss, wrong };
    });
    rows.push([
      String(streams),
      String(mib),
      (live.heldBytes / MIB).toFixed(1),
      (live.heldBytes / live.textBytes).toFixed(2),
      grown.mib.toFixed(1),
      (grown.mib / (streams * mib)).toFixed(2),
      String(grown.wrong),
    ]);
  }
  return markdownTable("What live streams take", {
    head: ["streams", "text of each, MiB", "live MiB", "a byte", "resident, grown by MiB", "a byte", "wrong"],
    rows,
    note: `${machine(1)} Mode request, tokens of 1 KiB, 1,000 a second in each stream, and 250 in each of 64; the single one of 32 MiB as fast as it can. Live is what is held after garbage was collected, at the moment at which that was most; resident is the peak, and of another run, in which nobody collects.`,
  });
}

/** The answer is asked for and never read: the kernel's buffers fill, and then the model has to wait. */
async function perIdleReader(setting: Setting): Promise<string> {
  const rows: string[][] = [];
  for (const readers of [12, 48])
    rows.push(
      await withProbed(setting, async (probed) => {
        const before = await memoryOf(probed.pid);
        const liveBefore = await probed.liveBytes();
        const textBefore = await textBytes(setting);
        const sockets = await openIdleReaders(probed.target, readers);
        const taken = (await untilAtRest(async () => await textBytes(setting))) - textBefore;
        const { rss } = await memoryOf(probed.pid);
        const held = (await probed.liveBytes()) - liveBefore;
        for (const socket of sockets) socket.destroy();
        return [
          String(readers),
          (taken / readers / MIB).toFixed(1),
          (held / readers / MIB).toFixed(1),
          (held / taken).toFixed(2),
          ((rss - before.rss) / readers).toFixed(1),
        ];
      }),
    );
  return markdownTable("What readers that do not read take", {
    head: ["readers", "text taken from the model, MiB", "live MiB", "a byte", "resident, grown by MiB"],
    rows,
    note: `${machine(1)} Each asked for 32 MiB and reads nothing; figures are of one reader. What is taken is what the kernel's send buffer holds (net.ipv4.tcp_wmem).`,
  });
}

/** The moment at which most is held for the text that had come just before. */
async function mostLive(setting: Setting, probed: Probed, answered: Promise<unknown>) {
  const heldBefore = await probed.liveBytes();
  const textBefore = await textBytes(setting);
  const ended = answered.then(() => "ended" as const);
  let most = { heldBytes: 0, textBytes: 1 };
  do {
    const text = (await textBytes(setting)) - textBefore;
    const held = (await probed.liveBytes()) - heldBefore;
    if (held > most.heldBytes) most = { heldBytes: held, textBytes: text };
  } while ((await Promise.race([ended, sleep(SAMPLE_MS)])) !== "ended");
  return most;
}

async function openIdleReaders(target: Target, readers: number): Promise<readonly Socket[]> {
  const text = encodeScript({ tokens: 32 * 1_024, sizeBytes: 1_024 });
  const sockets = Array.from({ length: readers }, () => connect({ host: "127.0.0.1", port: target.port }));
  for (const socket of sockets) {
    socket.write(chatRequest(target, { stream: true, text }));
    await once(socket, "readable");
  }
  return sockets;
}

async function untilAtRest(look: () => Promise<number>): Promise<number> {
  for (let before = -1; ;) {
    const now = await look();
    if (now === before) return now;
    before = now;
    await sleep(REST_MS);
  }
}
