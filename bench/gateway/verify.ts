/**
 * How fast a log is verified, beside sha256sum over the same files: node bench/gateway/verify.ts
 * Each is a process of its own; its memory must not follow the log's size.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "../stage.ts";
import { measurePeers, table, type Peer } from "../measure.ts";
import { openLog } from "../../src/audit/write/open-log.ts";
import { withSetting } from "./setting.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const VERIFIER = join(REPOSITORY, "src/audit/verify/main.ts");

await withSetting(async ({ folder }) => {
  for (const megabytes of [100, 1_000]) {
    const log = join(folder, `log-${megabytes}`);
    await writeLog(log, megabytes * 1e6);
    const names = (await readdir(join(log, "ledger"))).map((name) => join(log, "ledger", name));
    const sizes = await Promise.all(names.map(async (name) => (await stat(name)).size));
    const size = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
    const peers: readonly Peer[] = [
      { name: "sha256sum", command: ["sha256sum", ...names] },
      { name: "openssl dgst -sha256", command: ["openssl", "dgst", "-sha256", ...names] },
      { name: "cloister log verify", command: [process.execPath, VERIFIER, log] },
    ];
    const measured = await measurePeers(peers, ROUNDS);
    process.stdout.write(table(`A log of ${size.toFixed(0)} MB`, measured));
    for (const { name, samples } of measured) {
      const walls = samples.map(({ wallS }) => wallS).sort((a, b) => a - b);
      process.stdout.write(
        `${name}: ${(size / (walls[Math.floor(walls.length / 2)] ?? Number.NaN)).toFixed(0)} MB/s\n`,
      );
    }
    process.stdout.write("\n");
  }
});

/** Requests of 8 KB and answers of 2 KB, each with its payload. */
async function writeLog(folder: string, bytes: number): Promise<void> {
  const { log } = await openLog({
    folder,
    content: "plain",
    recipients: [],
    zone: "UTC",
    maxSegmentBytes: 1 << 28,
    signingKey: `${folder}.key`,
  });
  const key = await log.contentKey("-");
  const request = Buffer.from("question ".repeat(900));
  const answer = Buffer.from("answer ".repeat(300));
  const who = { client: "bench", strength: "none" } as const;
  const raw = { sha256: "0".repeat(64), bytes: answer.length, frames: 300 };
  for (let written = 0, index = 0; written < bytes; written += 11_500, index += 1) {
    const id = `r${index}`;
    const req = log.append(
      { type: "req", id, method: "POST", route: "/v1/chat/completions", who, genAi: {} },
      { bytes: request, key },
    );
    const res = log.append(
      { type: "res", id, req: req.seq, outcome: "ok", status: 200, finish: ["stop"], durationMs: 1, raw },
      { bytes: answer, key },
    );
    if (log.pendingBytes() > 1 << 24) await res.durable;
  }
  await log.close();
}
