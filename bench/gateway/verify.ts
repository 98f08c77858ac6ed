/**
 * How fast a log is verified, beside sha256sum over the same text: node bench/gateway/verify.ts
 * Each is a process of its own; its memory must not follow the log's size.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { ledgerFolder } from "../../src/audit/layout.ts";
import { openLog } from "../../src/audit/write/open-log.ts";
import { measurePeers, table, type Measured, type Peer } from "../measure.ts";
import { REPOSITORY } from "../stage.ts";
import { withSetting } from "./setting.ts";
import { median } from "./statistics.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const VERIFIER = join(REPOSITORY, "src/audit/verify/main.ts");
const REQUEST_BYTES = 8_000;
const ANSWER_BYTES = 2_000;
const SEGMENT_BYTES = 1 << 28;

await withSetting(async ({ folder }) => {
  for (const megabytes of [100, 1_000]) {
    const log = join(folder, `log-${megabytes}`);
    await writeLog(log, megabytes * 1e6);
    const compressed = await measurePeers([verifier(log, "cloister log verify, compressed")], ROUNDS);
    await decompress(ledgerFolder(log));
    const names = await segmentsOf(log);
    const sizes = await Promise.all(names.map(async (name) => (await stat(name)).size));
    const size = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
    const peers: readonly Peer[] = [
      { name: "sha256sum", command: ["sha256sum", ...names] },
      { name: "openssl dgst -sha256", command: ["openssl", "dgst", "-sha256", ...names] },
      verifier(log, "cloister log verify"),
    ];
    const measured = [...(await measurePeers(peers, ROUNDS)), ...compressed];
    process.stdout.write(table(`A log of ${size.toFixed(0)} MB in ${names.length} segments`, measured));
    process.stdout.write(rates(size, measured));
    await rm(log, { recursive: true });
  }
});

function verifier(log: string, name: string): Peer {
  return { name, command: [process.execPath, VERIFIER, log] };
}

function rates(megabytes: number, measured: readonly Measured[]): string {
  const lines = measured.map(
    ({ name, samples }) =>
      `${name}: ${(megabytes / median(samples.map(({ wallS }) => wallS))).toFixed(0)} MB/s\n`,
  );
  return `${lines.join("")}\n`;
}

async function segmentsOf(log: string): Promise<readonly string[]> {
  const folder = ledgerFolder(log);
  return (await readdir(folder)).sort().map((name) => join(folder, name));
}

/** As they lay before they were compressed. */
async function decompress(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".zst")) continue;
    const path = join(folder, name);
    await pipeline(
      createReadStream(path),
      createZstdDecompress(),
      createWriteStream(path.slice(0, -".zst".length)),
    );
    await rm(path);
  }
}

async function writeLog(folder: string, bytes: number): Promise<void> {
  const { log } = await openLog({
    folder,
    content: "plain",
    recipients: [],
    zone: "UTC",
    maxSegmentBytes: SEGMENT_BYTES,
    signingKey: `${folder}.key`,
  });
  const key = await log.contentKey("-");
  const words = wordSource();
  const who = { client: "bench", strength: "none" } as const;
  for (let written = 0, index = 0; written < bytes; written += REQUEST_BYTES + ANSWER_BYTES, index += 1) {
    const id = `r${index}`;
    const req = log.append(
      { type: "req", id, method: "POST", route: "/v1/chat/completions", who, genAi: {} },
      { bytes: words(REQUEST_BYTES), key },
    );
    const raw = { sha256: "0".repeat(64), bytes: 80_000, frames: 300 };
    const res = log.append(
      { type: "res", id, req: req.seq, outcome: "ok", status: 200, finish: ["stop"], durationMs: 1, raw },
      { bytes: words(ANSWER_BYTES), key },
    );
    if (log.pendingBytes() > SEGMENT_BYTES / 16) await res.durable;
  }
  await log.close();
}

/** The same text in every run, about as compressible as prose. */
function wordSource(): (bytes: number) => Buffer {
  let state = 1;
  return (bytes) => {
    let text = "";
    while (text.length < bytes) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      text += `${((state >>> 8) % 30_000).toString(36)} `;
    }
    return Buffer.from(text);
  };
}
