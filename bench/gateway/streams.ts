/**
 * What each gateway does to streams: node bench/gateway/streams.ts
 * 8 streams at once of 50 tokens a second through every peer in turns; then 128 at once through direct and ours.
 */
import { loadedTargets } from "./peers/all.ts";
import type { StreamResult } from "./job.ts";
import { interleave } from "./rounds.ts";
import { withSetting, type Setting } from "./setting.ts";
import { median } from "./statistics.ts";
import { machine, markdownTable, spread } from "./table.ts";
import type { Started } from "./target.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const INTERVAL_MS = 20;
/** Of everybody, before the first round: code that was never hot is not what is compared. */
const WARM_UPS = 100;
const TOKENS = Number(process.env["BENCH_TOKENS"] ?? 150);

await withSetting(async (setting) => {
  const peers = await loadedTargets(setting);
  const measure = async ({ target }: Started, streams: number): Promise<StreamResult> =>
    await setting.client.streams({
      target,
      streams,
      script: { tokens: TOKENS, intervalMs: INTERVAL_MS, sizeBytes: 6 },
    });
  try {
    const eight = await interleave(peers, ROUNDS, async (peer, round) => {
      if (round < 0) await warmUp(setting, peer);
      return await measure(peer, 8);
    });
    process.stdout.write(streamTable("8 streams of 50 tokens a second", eight));
    const own = peers.filter(({ target }) => /^(direct|nginx|cloister)/.test(target.name));
    const many = await interleave(own, ROUNDS, async (peer) => await measure(peer, 128));
    process.stdout.write(streamTable("128 streams of 50 tokens a second", many));
  } finally {
    for (const { stop } of peers.toReversed()) await stop();
  }
});

async function warmUp({ client }: Setting, { target }: Started): Promise<void> {
  const script = { tokens: 20, intervalMs: 0, sizeBytes: 6 };
  for (let time = 0; time < WARM_UPS; time += 1) await client.streams({ target, streams: 8, script });
}

function streamTable(title: string, results: ReadonlyMap<Started, readonly StreamResult[]>): string {
  const [direct = []] = results.values();
  const rows = [...results].map(([{ target }, samples]) => [
    target.name,
    spread(
      samples.map(({ ttft }) => ttft),
      1,
    ),
    spread(
      samples.map(({ ttft }, round) => ttft - (direct[round]?.ttft ?? Number.NaN)),
      1,
    ),
    median(samples.map(({ itlP50 }) => itlP50)).toFixed(2),
    spread(samples.map(({ itlP99 }) => itlP99)),
    median(samples.map(({ itlP99 }, round) => itlP99 / (direct[round]?.itlP99 ?? Number.NaN))).toFixed(3),
    median(samples.map(({ tokensPerRead }) => tokensPerRead)).toFixed(3),
    samples.every(({ sha256 }) => sha256 === direct[0]?.sha256) ? "yes" : "no",
    String(samples.reduce((sum, { wrong }) => sum + wrong, 0)),
  ]);
  const head = [
    "",
    "TTFT ms",
    "TTFT - direct's",
    "ITL p50 ms",
    "ITL p99 ms",
    "p99 / direct's",
    "tokens a read",
    "same bytes",
    "wrong",
  ];
  return markdownTable(title, { head, rows, note: `${machine(ROUNDS)} ${TOKENS} tokens a stream.` });
}
