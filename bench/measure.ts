/**
 * Whole processes measured from outside: wall clock, CPU time and peak memory by /usr/bin/time (GNU time, package `time`),
 * peers in turn within one run, so that a machine that gets slower slows all of them.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { exec, PLAIN_ENVIRONMENT } from "../src/shared/exec.ts";

export type Peer = {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Brings the state back in which every run starts. Not measured. */
  readonly before?: () => Promise<unknown>;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
};

type Sample = { readonly wallS: number; readonly cpuS: number; readonly peakMiB: number };
export type Measured = { readonly name: string; readonly samples: readonly Sample[] };

export async function measurePeers(peers: readonly Peer[], rounds: number): Promise<readonly Measured[]> {
  const samples = peers.map((): Sample[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, peer] of peers.entries()) {
      await peer.before?.();
      const sample = await measureOnce(peer);
      if (round >= 0) samples[index]?.push(sample);
    }
  }
  return peers.map(({ name }, index) => ({ name, samples: samples[index] ?? [] }));
}

async function measureOnce(peer: Peer): Promise<Sample> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-bench-"));
  try {
    const report = join(folder, "time");
    await exec("/usr/bin/time", ["-f", "%e %U %S %M", "-o", report, ...peer.command], {
      timeoutMs: 1_800_000,
      env: { ...PLAIN_ENVIRONMENT, ...peer.env },
      ...(peer.cwd === undefined ? {} : { cwd: peer.cwd }),
    });
    const [wall = 0, user = 0, system = 0, peak = 0] = (await readFile(report, "utf8"))
      .trim()
      .split(" ")
      .map(Number);
    return { wallS: wall, cpuS: user + system, peakMiB: peak / 1024 };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A Markdown table: medians, their spread, and each wall clock as a ratio to the first peer's, taken round by round. */
export function table(title: string, measured: readonly Measured[]): string {
  const [first] = measured;
  const rows = measured.map(({ name, samples }) => {
    const walls = samples.map(({ wallS }) => wallS);
    const ratios = walls.map((wall, round) => wall / (first?.samples[round]?.wallS ?? Number.NaN));
    return [
      name,
      `${median(walls).toFixed(2)} (${Math.min(...walls).toFixed(2)} to ${Math.max(...walls).toFixed(2)})`,
      median(samples.map(({ cpuS }) => cpuS)).toFixed(2),
      median(samples.map(({ peakMiB }) => peakMiB)).toFixed(0),
      median(ratios).toFixed(2),
    ];
  });
  const head = ["", "wall s, median (min to max)", "CPU s", "peak MiB", `wall / ${first?.name ?? ""}`];
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [`### ${title}`, "", machine(first?.samples.length ?? 0), "", ...lines, "", ""].join("\n");
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function machine(rounds: number): string {
  const model = cpus()[0]?.model.trim() ?? "unknown";
  return `${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB; ${rounds} rounds after one that does not count.`;
}
