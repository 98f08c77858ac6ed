/**
 * Memory of the gateway: node bench/gateway/memory.ts
 * How it grows over 100,000 requests, and what a live stream takes beside its text.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startOurs } from "./peers/ours.ts";
import { withSetting, type Setting } from "./setting.ts";
import { machine, markdownTable } from "./table.ts";

const REQUESTS = Number(process.env["BENCH_REQUESTS"] ?? 100_000);
const STEPS = 10;
const WARM_UP = 5_000;
const MIB = 2 ** 20;

await withSetting(async (setting) => {
  process.stdout.write(await growth(setting));
  process.stdout.write(await perStream(setting));
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

/** Tokens of 1 KiB, so that the text and not the framing is what is measured. */
async function perStream({ folder, upstream, client }: Setting): Promise<string> {
  const ours = await startOurs(join(folder, "stream"), upstream, "request");
  const [pid = 0] = ours.pids;
  const rows: string[][] = [];
  try {
    // What the heap and its buffers grow by once is no stream's own.
    await client.streams({
      target: ours.target,
      streams: 16,
      script: { tokens: 2_048, sizeBytes: 1_024, intervalMs: 1 },
    });
    await sleep(500);
    for (const [streams, tokens] of [
      [16, 2_048],
      [16, 8_192],
      [64, 2_048],
    ] as const) {
      const before = await memoryOf(pid);
      let most = before.rss;
      const timer = setInterval(() => void memoryOf(pid).then(({ rss }) => (most = Math.max(most, rss))), 50);
      const seen = await client.streams({
        target: ours.target,
        streams,
        script: { tokens, sizeBytes: 1_024, intervalMs: 1 },
      });
      clearInterval(timer);
      const text = (streams * tokens * 1_024) / MIB;
      const grown = most - before.rss;
      rows.push([
        String(streams),
        (tokens / 1_024).toFixed(0),
        grown.toFixed(1),
        (grown / text).toFixed(2),
        String(seen.wrong),
      ]);
    }
  } finally {
    await ours.stop();
  }
  return markdownTable("What live streams take", {
    head: ["streams", "text of each, MiB", "grown by at most, MiB", "for each byte of text", "wrong"],
    rows,
    note: `${machine(1)} Mode request, 1,000 tokens of 1 KiB a second in each stream.`,
  });
}

async function memoryOf(pid: number) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1_024;
  return { rss: mib("VmRSS"), peak: mib("VmHWM"), files: (await readdir(`/proc/${pid}/fd`)).length };
}
