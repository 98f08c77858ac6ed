import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compressedPath, segmentPath } from "../../../src/audit/layout.ts";
import { applyEdits } from "../../../src/audit/maintain/apply-edits.ts";
import { covers, RangeCollector, splitBySize } from "../../../src/audit/maintain/ranges.ts";
import { rewriteSegment } from "../../../src/audit/maintain/rewrite-segment.ts";
import { listSegments } from "../../../src/audit/segments.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";
import { ANNA, converse } from "./people.ts";

test("a rewritten segment loses the compressed copy that a crash left beside it", async () => {
  const { log, segment } = await closedLog();
  await writeFile(compressedPath(log, segment.name), zstdCompressSync("the text"));
  expect(await rewriteSegment(log, segment, () => 9)).toEqual({ payloads: 2 });
  expect(existsSync(compressedPath(log, segment.name))).toBe(false);
  expect((await readFile(segmentPath(log, segment.name), "utf8")).includes("the text")).toBe(false);
});

test("a segment in which nothing is meant is not written again", async () => {
  const { log, segment } = await closedLog();
  await writeFile(`${segmentPath(log, segment.name)}.part-${process.pid}`, "", { mode: 0o400 });
  expect(await rewriteSegment(log, segment, () => undefined)).toEqual({ payloads: 0 });
});

test("a ledger line without the payload line that it asks for stops it", async () => {
  const { log, segment } = await closedLog();
  const path = segmentPath(log, segment.name);
  const lines = (await readFile(path, "utf8")).split("\n");
  await writeFile(path, lines.filter((line) => !line.startsWith('{"payload":1,')).join("\n"));
  const before = await readFile(path);
  await expect(rewriteSegment(log, segment, () => 9)).rejects.toMatchObject({ code: "LOG_DAMAGED" });
  expect(await readFile(path)).toEqual(before);
});

test("edits give the same bytes however the stream is cut", async () => {
  const text = Buffer.from("abcdefghijklmnopqrstuvwxyz");
  const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 });
  const cuts = fc.uniqueArray(fc.integer({ min: 0, max: 26 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(pieces, cuts, async (sizes, places) => {
      const sorted = [...places].sort((a, b) => a - b);
      const edits = sorted.slice(0, -1).flatMap((from, index) => {
        const to = sorted[index + 1] ?? from;
        return index % 2 === 0 ? [{ offset: from, bytes: to - from, text: Buffer.from(`<${index}>`) }] : [];
      });
      let want = text.toString();
      for (const { offset, bytes, text: fresh } of edits.toReversed())
        want = want.slice(0, offset) + fresh.toString() + want.slice(offset + bytes);
      const chunks: Buffer[] = [];
      let from = 0;
      for (let index = 0; from < text.length; index += 1) {
        const size = sizes[index % sizes.length] ?? 1;
        chunks.push(text.subarray(from, from + size));
        from += size;
      }
      const got = await Readable.from(chunks).pipe(applyEdits(edits)).toArray();
      expect(Buffer.concat(got).toString()).toBe(want);
    }),
  );
});

test("ranges cover what was taken, nothing that was passed over, and split into parts that fit", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("take", "pass", "none"), { maxLength: 200 }), (steps) => {
      const collector = new RangeCollector();
      for (const [seq, step] of steps.entries()) {
        if (step === "take") collector.take(seq);
        if (step === "pass") collector.passOver();
      }
      const counted = collector.ranges();
      const ranges = counted.map(({ range }) => range);
      for (const [seq, step] of steps.entries())
        if (step !== "none") expect([seq, covers(ranges, seq)]).toEqual([seq, step === "take"]);
      const taken = steps.filter((step) => step === "take").length;
      expect(counted.reduce((sum, { payloads }) => sum + payloads, 0)).toBe(taken);
      const parts = splitBySize(counted, 100);
      expect(parts.flat()).toEqual(counted);
      for (const part of parts) expect(JSON.stringify(part).length).toBeLessThanOrEqual(102);
    }),
  );
});

async function closedLog() {
  const at = await scratchFolder();
  const { log } = await openScratchLog(at);
  await converse(log, { user: ANNA }, { prompt: "the text", reply: "the text again" });
  await log.close();
  const [segment] = await listSegments(at.log);
  if (segment === undefined || segment.compressed) throw new Error("expected one plain segment");
  return { log: at.log, segment };
}
