/**
 * Every byte and every line of a log of a thousand records, one after another; test/audit/verify does some of them on every run.
 * EVERY_FLIP_STEP=n takes one place of n.
 */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import { removeLog } from "../audit/verify/mixed-log.ts";
import type { Share, Spoilt } from "../audit/verify/spoil.ts";
import { linesOf, onlySegment, PAYLOADS, thousandRecords } from "../audit/verify/thousand-records.ts";

/** A worker waits for the disk a third of its time. */
const WORKERS = 2 * availableParallelism();
const STEP = Number(process.env["EVERY_FLIP_STEP"] ?? 1);
/**
 * To verify takes the same time for one byte as for eight. These lie an eighth of the segment apart, more than a hundred records, and
 * each must be found at its own record: what is said of a record hangs on its own lines and the two beside it.
 */
const TOGETHER = 8;

let whole: { readonly log: string; readonly keys: string };
let file: string;
let bytes: Buffer;

beforeAll(async () => {
  whole = await thousandRecords();
  file = await onlySegment(whole.log);
  bytes = await readFile(join(whole.log, file));
  expect(await verifyLog(whole.log)).toMatchObject({
    verdict: "OK",
    records: 1_000,
    payloads: PAYLOADS,
    unanchored: 0,
  });
});

afterAll(async () => await removeLog(whole));

describe("of a closed log of a thousand records", () => {
  test("every line dropped, doubled, or swapped with the next is MODIFIED, where it is", async () => {
    const lines = linesOf(bytes).length;
    const { verdicts, places } = await spoilEverywhere({ kind: "lines" });
    // Of the last line there is no next, and to drop it is to cut the log off.
    if (STEP === 1) expect(verdicts).toEqual({ MODIFIED: 3 * lines - 2, TRUNCATED: 1 });
    expect(places).toBeGreaterThan((2 * lines) / STEP);
  });

  test("a cut before every byte is TRUNCATED, from the first record that is gone", async () => {
    expect((await spoilEverywhere({ kind: "cuts" })).verdicts).toEqual({
      TRUNCATED: Math.ceil(bytes.length / STEP),
    });
  });

  test("a flipped bit in every byte is MODIFIED at its record, but for the last newline", async () => {
    const { verdicts, places } = await spoilEverywhere({ kind: "flips", together: TOGETHER });
    expect(Object.keys(verdicts).sort()).toEqual(["MODIFIED", "TRUNCATED"]);
    expect(verdicts["TRUNCATED"]).toBe(1);
    if (STEP === 1) expect(places).toBe(bytes.length);
  });

  test("a flipped bit in one byte of thirty-one, alone", async () => {
    const { verdicts } = await spoilEverywhere({ kind: "flips", every: 31 });
    expect(verdicts["TRUNCATED"]).toBe(1);
    expect(verdicts["MODIFIED"]).toBe(Math.ceil((bytes.length - 1) / (31 * STEP)));
  });
});

type Everywhere = Pick<Share, "kind" | "together"> & { readonly every?: number };

/** None of the verdicts is given for a record that it is not about. */
async function spoilEverywhere({ every = 1, ...share }: Everywhere): Promise<Omit<Spoilt, "wrong">> {
  const began = performance.now();
  const done = await Promise.all(
    Array.from({ length: WORKERS }, async (_, index) => {
      const [from, step] = [index * every * STEP, WORKERS * every * STEP];
      return await work({ ...share, log: whole.log, file, from, step });
    }),
  );
  expect(done.flatMap(({ wrong }) => wrong).slice(0, 20)).toEqual([]);
  const verdicts: Record<string, number> = {};
  for (const [name, count] of done.flatMap((one) => Object.entries(one.verdicts)))
    verdicts[name] = (verdicts[name] ?? 0) + count;
  const places = done.reduce((sum, one) => sum + one.places, 0);
  const seconds = Math.round((performance.now() - began) / 1_000);
  process.stdout.write(`${share.kind}: ${places} places, ${JSON.stringify(verdicts)}, in ${seconds} s\n`);
  return { verdicts, places };
}

async function work(share: Share): Promise<Spoilt> {
  return await new Promise((resolve, reject) => {
    const worker = new Worker(join(import.meta.dirname, "every-flip-child.ts"), { workerData: share });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`A worker ended with ${code}`)));
  });
}
