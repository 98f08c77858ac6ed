/**
 * What becomes of answers when the disk below the log fails: on real file systems that are really full, broken, read-only or changed
 * behind the gateway's back. In every case: what was answered is in the log, and what cannot be logged is not answered.
 */
import {
  copyFile,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  truncate,
  writeFile,
  type FileHandle,
} from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import { exec } from "../../src/shared/exec.ts";
import { after, openTrial, type Trial, type TrialOptions } from "./disk-trial.ts";
import type { Ask } from "./kill-crowd.ts";
import { expectAnswersLogged, expectRequestsLogged, expectVerdict } from "./kill-expect.ts";
import { readLog } from "./kill-log.ts";

let trial: Trial | undefined;
afterEach(async () => {
  await trial?.remove();
  trial = undefined;
});

async function begin(options: TrialOptions): Promise<Trial> {
  trial = await openTrial(options);
  return trial;
}

const NEWEST_MS = 1_500;

const FOREIGN = "somebody else was here";

type Fault = {
  readonly name: string;
  readonly disk?: TrialOptions["disk"];
  happen(trial: Trial): Promise<unknown>;
  mend(trial: Trial): Promise<unknown>;
};

const FAULTS: readonly Fault[] = [
  {
    name: "full to the last byte",
    happen: ({ disk }) => disk.fill(),
    mend: ({ disk }) => disk.empty(),
  },
  {
    name: "broken below (EIO), with a journal",
    happen: ({ disk }) => disk.breakWrites(),
    mend: ({ disk }) => disk.repair(),
  },
  {
    name: "broken below (EIO), without a journal: the error is told once and then never again",
    disk: { sizeBytes: 64 << 20, journal: false },
    happen: ({ disk }) => disk.breakWrites(),
    mend: ({ disk }) => disk.repair(),
  },
  {
    name: "remounted read-only by the kernel",
    happen: ({ disk }) => disk.remountReadOnly(),
    mend: ({ disk }) => disk.repair(),
  },
];

describe.each(["request", "strict"] as const)("mode %s", (mode) => {
  test.each(FAULTS)(
    "a disk that is $name: 503, nothing unlogged, and it goes on once mended",
    async (fault) => {
      const trial = await begin({ mode, ...(fault.disk === undefined ? {} : { disk: fault.disk }) });
      const { gateway, upstream } = trial;
      const crowd = await trial.crowd();
      await fault.happen(trial);
      const moment = performance.now();
      await trial.wait(NEWEST_MS);
      await crowd.stop();
      expectRefused(after(crowd.asks, moment + 500));
      await expectUnavailable(gateway.port);
      await gateway.program().kill();
      await fault.mend(trial);
      await gateway.start();
      const next = await trial.crowd();
      await next.stop();
      await gateway.program().stop(10_000);
      const log = await readLog(gateway.log);
      const asks = [...crowd.asks, ...next.asks];
      expectAnswersLogged({ asks, log });
      expectRequestsLogged({ asks, log });
      expect((await upstream.counts()).asked).toBeLessThanOrEqual(log.requests.size);
      expectVerdict(await verifyLog(gateway.log), "OK");
    },
  );
});

describe("less free space than the reserve", () => {
  test("is refused before anything is lost, said in the log, and over when there is space again", async () => {
    const trial = await begin({ reserveBytes: 16 << 20 });
    const crowd = await trial.crowd();
    await trial.disk.fill(8 << 20);
    const moment = performance.now();
    await trial.wait(NEWEST_MS * 2);
    expectRefused(after(crowd.asks, moment + 2_500));
    await expectUnavailable(trial.gateway.port);
    await trial.disk.empty();
    await trial.wait(NEWEST_MS * 2);
    await crowd.stop();
    const late = after(crowd.asks, performance.now() - NEWEST_MS);
    expect(late.filter(({ whole }) => whole).length).toBeGreaterThan(0);
    await trial.gateway.program().stop(10_000);
    const log = await readLog(trial.gateway.log);
    expectAnswersLogged({ asks: crowd.asks, log });
    const states = log.records.flatMap((record) => (record.type === "disk" ? [record.state] : []));
    expect(states).toEqual(["low", "enough"]);
    expectVerdict(await verifyLog(trial.gateway.log), "OK");
  });
});

describe("the segment that is written, changed behind the gateway's back", () => {
  test.each([
    { name: "deleted", change: async (path: string) => await rm(path) },
    { name: "moved away", change: async (path: string) => await rename(path, `${path}.old`) },
    {
      name: "replaced by a copy",
      change: async (path: string) => {
        await copyFile(path, `${path}.copy`);
        await rename(`${path}.copy`, path);
      },
    },
    { name: "truncated", change: async (path: string) => await truncate(path, 100) },
    {
      name: "appended to by somebody else",
      change: async (path: string) => await writeFile(path, FOREIGN, { flag: "a" }),
    },
  ])("$name: 503, and nothing that was answered afterwards", async ({ change }) => {
    const trial = await begin({});
    const { gateway } = trial;
    const path = await newestSegment(gateway.log);
    // What a deleted file held can be read as long as somebody holds it open.
    const held = await open(path, "r");
    try {
      const crowd = await trial.crowd();
      await change(path);
      const moment = performance.now();
      await trial.wait(NEWEST_MS);
      await crowd.stop();
      const late = after(crowd.asks, moment);
      expect(late.filter(({ whole, endedAt }) => whole && endedAt > moment + 100)).toEqual([]);
      expectRefused(after(crowd.asks, moment + 500));
      await expectUnavailable(gateway.port);
      await gateway.program().kill();
      const rescued = await rescue(held, trial);
      if (rescued !== undefined) expectAnswersLogged({ asks: crowd.asks, log: await readLog(rescued) });
    } finally {
      await held.close();
    }
  });
});

describe("the clock, set back by an hour under load", () => {
  test("is recorded, answers go on and stay in the log, and the log verifies", async () => {
    const shift = join((await exec("mktemp", ["-d"])).stdout.trim(), "shift");
    const shim = `${shift}.so`;
    await writeFile(shift, "0");
    const source = join(import.meta.dirname, "disk-clock.c");
    await exec("gcc", ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", shim, source]);
    const trial = await begin({ env: { LD_PRELOAD: shim, CLOCK_SHIFT_FILE: shift } });
    const crowd = await trial.crowd();
    await writeFile(shift, "-3600");
    const moment = performance.now();
    await trial.wait(NEWEST_MS);
    await crowd.stop();
    await trial.gateway.program().stop(10_000);
    const late = after(crowd.asks, moment);
    expect(late.filter(({ whole }) => whole).length).toBeGreaterThan(0);
    const log = await readLog(trial.gateway.log);
    expectAnswersLogged({ asks: crowd.asks, log });
    const [jump] = log.records.flatMap((record) => (record.type === "clock" ? [record.backMs] : []));
    expect(jump).toBeGreaterThan(3_590_000);
    expect(jump).toBeLessThan(3_610_000);
    expectVerdict(await verifyLog(trial.gateway.log), "OK");
    await rm(join(shift, ".."), { recursive: true });
  });
});

/** Turned away with the reason, or where nobody listens any more. */
function expectRefused(asks: readonly Ask[]): void {
  expect(asks.length).toBeGreaterThan(0);
  expect(asks.filter(({ whole, status }) => whole || (status !== 503 && status !== 0))).toEqual([]);
  const told = asks.filter(({ status }) => status === 503);
  expect(told.length).toBeGreaterThan(0);
  expect(told.filter(({ seen }) => !seen.includes('"audit_unavailable"'))).toEqual([]);
}

/** What a client library gets to see. */
async function expectUnavailable(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "demo", messages: [{ role: "user", content: "nonce=late tokens=1" }] }),
  });
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(await answer.json()).toMatchObject({ error: { type: "server_error", code: "audit_unavailable" } });
}

async function newestSegment(log: string): Promise<string> {
  const names = (await readdir(join(log, "ledger"))).filter((name) => name.endsWith(".jsonl")).sort();
  return join(log, "ledger", names.at(-1) ?? "");
}

/** A log folder of what the held file has; undefined where nothing of it is left. */
async function rescue(held: FileHandle, { folder }: Trial): Promise<string | undefined> {
  const { size } = await held.stat();
  if (size <= 100) return undefined;
  const { buffer } = await held.read(Buffer.alloc(size), 0, size, 0);
  const foreign = buffer.indexOf(FOREIGN);
  const end = (foreign < 0 ? buffer : buffer.subarray(0, foreign)).lastIndexOf("\n") + 1;
  const log = join(folder, "rescued");
  await mkdir(join(log, "ledger"), { recursive: true });
  await writeFile(join(log, "ledger/2000-01-01.001.jsonl"), buffer.subarray(0, end));
  return log;
}
