/**
 * What each gateway adds to one request: node bench/gateway/latency.ts
 * 4 KB in and 1 KB out, one connection, the same client and the same server behind; medians of differences taken round by round.
 */
import { loadedTargets } from "./peers/all.ts";
import { interleave } from "./rounds.ts";
import { withSetting } from "./setting.ts";
import { median } from "./statistics.ts";
import { machine, markdownTable, spread } from "./table.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 9);
const REQUESTS = Number(process.env["BENCH_REQUESTS"] ?? 200);
/** Of everybody, before the first round: code that was never hot is not what is compared. */
const WARM_UP = 2_000;
const REQUEST_BYTES = 4_096;
/** With what stands around it the answer is 1 KB. */
const SCRIPT = { tokens: 96, sizeBytes: 8 };
const PARALLEL = 32;

await withSetting(async (setting) => {
  const peers = await loadedTargets(setting);
  const busyDisk: number[] = [];
  const restedDisk: number[] = [];
  try {
    const results = await interleave(peers, ROUNDS, async ({ target }, round) => {
      const job = { target, requestBytes: REQUEST_BYTES, script: SCRIPT };
      if (round < 0) await setting.client.latency({ ...job, requests: WARM_UP, connections: 1 });
      const one = await setting.client.latency({ ...job, requests: REQUESTS, connections: 1 });
      const many = await setting.client.latency({ ...job, requests: REQUESTS * 2, connections: PARALLEL });
      const { folder, client } = setting;
      busyDisk.push((await client.disk({ folder, writes: 20, restMs: 0 })).p50);
      restedDisk.push((await client.disk({ folder, writes: 20, restMs: 1 })).p50);
      return { ...one, perSecond: many.perSecond, wrong: one.wrong + many.wrong };
    });
    const [direct] = results.values();
    const nginx = [...results].find(([{ target }]) => target.name === "nginx")?.[1] ?? [];
    const addedOf = (samples: readonly { readonly p50: number }[]): readonly number[] =>
      samples.map(({ p50 }, round) => p50 - (direct?.[round]?.p50 ?? Number.NaN));
    const added = new Map([...results].map(([peer, samples]) => [peer, addedOf(samples)]));
    const rows = [...results].map(([peer, samples]) => [
      peer.target.name,
      spread(samples.map(({ p50 }) => p50)),
      spread(added.get(peer) ?? []),
      (median(added.get(peer) ?? []) / median(addedOf(nginx))).toFixed(1),
      median(samples.map(({ p99 }) => p99)).toFixed(2),
      median(samples.map(({ perSecond }) => perSecond)).toFixed(0),
      String(samples.reduce((sum, { wrong }) => sum + wrong, 0)),
    ]);
    process.stdout.write(
      markdownTable("What a gateway adds to a request of 4 KB and an answer of 1 KB", {
        head: [
          "",
          "p50 ms",
          "added to direct, ms",
          "added / nginx's",
          "p99 ms",
          `requests/s, ${PARALLEL} connections`,
          "wrong",
        ],
        rows,
        note: `${machine(ROUNDS)} ${REQUESTS} requests a round. fdatasync after an append of 4 KiB on this disk, p50: ${spread(busyDisk)} ms back to back, ${spread(restedDisk)} ms with 1 ms of rest before each, which is nearer to what requests leave it.`,
      }),
    );
  } finally {
    for (const { stop } of peers.toReversed()) await stop();
  }
});
