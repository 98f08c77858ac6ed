import { readFile, writeFile } from "node:fs/promises";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NOTE_SIGNATURE, newSigningKey, readKey, signerOf } from "../../../src/audit/notes/keys.ts";
import { listSegments } from "../../../src/audit/segments.ts";
import { storedPath } from "../../../src/audit/stored-segment.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { readLogIdentity } from "../../../src/audit/write/log-file.ts";
import { ANNA, converse, maintenanceOf, settle } from "../maintain/people.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";
import { copyOfLog, removeLog } from "./mixed-log.ts";
import { sayAfterFlips } from "./spoil.ts";

const DAY_MS = 86_400_000;
const START = Date.parse("2026-01-01T12:00:00Z");

/** Of five days, of which retention has deleted the first three. */
let at: { readonly log: string; readonly keys: string };
let minimum: number;

beforeAll(async () => {
  at = await scratchFolder();
  let day = 0;
  const now = (): number => START + day * DAY_MS;
  const { log } = await openScratchLog(at, {}, { now });
  for (; day < 5; day += 1) await converse(log, { user: ANNA }, { prompt: "question", reply: "answer" });
  await settle(log);
  day = 11.5;
  const policy = { content: 8, ledger: 8 };
  const { plan } = await maintenanceOf(log, { now }).retain({ policy, by: "clock" });
  await settle(log);
  await log.close();
  minimum = plan.minimum;
  expect(plan.segments).toHaveLength(3);
});

afterAll(async () => await removeLog(at));

test("a log of which retention has deleted the oldest segments is whole from there on", async () => {
  expect(await verifyLog(at.log)).toMatchObject({
    verdict: "PURGED",
    minimum,
    unanchored: 0,
    findings: [{ verdict: "PURGED" }],
  });
});

test("the key that its reader trusts must have signed for it, although the record that named it is gone", async () => {
  const origin = (await readLogIdentity(at.log))?.origin ?? "";
  const own = await readKey(at.keys);
  if (own === undefined) throw new Error("no key");
  const [logKey, stranger] = [own, newSigningKey()].map((key) => signerOf(origin, NOTE_SIGNATURE, key));
  if (logKey === undefined || stranger === undefined) throw new Error("no key");
  expect(await verifyLog(at.log, { logKey })).toMatchObject({ verdict: "PURGED" });
  expect(await verifyLog(at.log, { logKey: stranger })).toMatchObject({ verdict: "KEY_RANGE", seq: minimum });
});

test("a flipped bit in the number of the first records is MODIFIED, at the one that it is in", async () => {
  const log = await copyOfLog(at.log);
  const [oldest] = await listSegments(log);
  if (oldest === undefined) throw new Error("no segment");
  const path = storedPath(log, { ...oldest, compressed: false });
  const segment = zstdDecompressSync(await readFile(storedPath(log, oldest)));
  const starts = [...segment.toString("latin1").matchAll(/^\{"v":1,"seq":\d+/gm)].slice(0, 4);
  for (const [index, { index: start, 0: head }] of starts.entries())
    for (let bit = 0; bit < 4; bit += 1) {
      const flipped = Buffer.from(segment);
      const last = start + head.length - 1;
      flipped[last] = (flipped[last] ?? 0) ^ (1 << bit);
      await writeFile(path, flipped);
      expect([head, bit, await verifyLog(log)]).toMatchObject([
        head,
        bit,
        { verdict: "MODIFIED", seq: minimum + index },
      ]);
    }
});

test("a flipped bit in a tile is MODIFIED; of a record that is gone FORKED, as no line tells which of both it was", async () => {
  const log = await copyOfLog(at.log);
  const { records } = await verifyLog(log);
  const file = `tree/tile/0/000.p/${minimum + records}`;
  const said = await sayAfterFlips({ log, file, from: 0, step: 31 });
  expect(said.size).toBeGreaterThan(20);
  // The first record that is kept names the last that is gone.
  const isGone = (place: number) => place < 32 * (minimum - 1);
  for (const [place, word] of said)
    expect([place, word]).toEqual([place, isGone(place) ? "FORKED" : "MODIFIED"]);
});
