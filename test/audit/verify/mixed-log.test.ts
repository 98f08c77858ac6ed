import { createHash } from "node:crypto";
import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { copyOfLog, mixedLog, removeLog } from "./mixed-log.ts";
import { spoil, sayAfterFlips } from "./spoil.ts";
import { linesOf } from "./thousand-records.ts";

let whole: { readonly log: string; readonly keys: string };
let compressed: string;
let plain: string;

beforeAll(async () => {
  whole = await mixedLog();
  const names = (await readdir(join(whole.log, "ledger"))).sort().map((name) => join("ledger", name));
  [compressed = "", plain = ""] = names;
  expect([compressed.endsWith(".zst"), plain.endsWith(".jsonl"), names.length]).toEqual([true, true, 2]);
});

afterAll(async () => await removeLog(whole));

test("a log with a purge and a new key is PURGED, and all of it was looked at", async () => {
  expect(await verifyLog(whole.log)).toMatchObject({
    verdict: "PURGED",
    purged: 2,
    payloads: 4,
    unanchored: 0,
    more: 0,
    findings: [{ verdict: "PURGED" }],
  });
});

describe("a flipped bit", () => {
  test("in a segment with a purge and a new key is MODIFIED, at its record", async () => {
    const { places, wrong } = await spoil({
      kind: "flips",
      log: await copyOfLog(whole.log),
      file: plain,
      from: 0,
      step: 17,
    });
    expect(wrong).toEqual([]);
    expect(places).toBeGreaterThan(200);
  });

  test("in a compressed segment is MODIFIED, or changes nothing of what it unpacks to", async () => {
    const log = await copyOfLog(whole.log);
    const path = join(log, compressed);
    const bytes = await readFile(path);
    const text = zstdDecompressSync(bytes);
    let modified = 0;
    for (let at = 0; at < bytes.length; at += 11) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(path, flipped);
      const { verdict } = await verifyLog(log);
      if (verdict === "MODIFIED") modified += 1;
      else expect([at, verdict, unpacked(flipped)?.equals(text)]).toEqual([at, "PURGED", true]);
    }
    expect(modified).toBeGreaterThan(100);
  });

  test("in a tile is MODIFIED", async () => {
    const log = await copyOfLog(whole.log);
    const [file = ""] = await filesBelow(join(log, "tree"));
    const said = await sayAfterFlips({ log, file: join("tree", file), from: 0, step: 7 });
    expect(said.size).toBeGreaterThan(70);
    expect(new Set(said.values())).toEqual(new Set(["MODIFIED"]));
  });

  test("in log.json is MODIFIED, or there is no such log", async () => {
    const said = await sayAfterFlips({ log: await copyOfLog(whole.log), file: "log.json", from: 0, step: 1 });
    expect(new Set(said.values())).toEqual(new Set(["LOG_UNKNOWN", "MODIFIED"]));
  });

  test("in a checkpoint is MODIFIED; but for who is named as another signer, and for the end of the last", async () => {
    const log = await copyOfLog(whole.log);
    const bytes = await readFile(join(log, "checkpoints"));
    const names = namesOfSecondSigners(bytes);
    const said = await sayAfterFlips({ log, file: "checkpoints", from: 0, step: 5 });
    // The last note without one of its two empty lines was not written yet.
    const empty = [bytes.lastIndexOf("\n\n", -3), bytes.length - 2];
    const isEnd = (at: number) => empty.some((start) => at === start || at === start + 1);
    // One of two signers by another name is a witness that nobody knows.
    const isName = (at: number) => names.some(({ start, end }) => start <= at && at < end);
    const others = [...said].filter(([at, word]) => word !== "MODIFIED" && !isEnd(at) && !isName(at));
    expect(others).toEqual([]);
    expect(names.length).toBeGreaterThan(0);
  });
});

describe("a purge", () => {
  test("that is cut off the log is TRUNCATED, although its tombstones are there", async () => {
    const log = await copyOfLog(whole.log);
    const { first } = await plainLines();
    await truncate(join(log, plain), first.end);
    expect(await verifyLog(log)).toMatchObject({ verdict: "TRUNCATED", seq: first.seq + 1 });
  });

  test("that never was is MODIFIED, at the text that is gone", async () => {
    const { bytes, lines } = await plainLines();
    const line = lines.find(({ start, isRecord }) => !isRecord && bytes.includes('{"payload"', start));
    if (line === undefined) throw new Error("No text is left");
    for (const by of [0, 1, 3, 7, 500]) {
      const log = await copyOfLog(whole.log);
      const tombstone = Buffer.from(`{"tombstone":${line.seq},"by":${by}}\n`);
      await writeFile(
        join(log, plain),
        Buffer.concat([bytes.subarray(0, line.start), tombstone, bytes.subarray(line.end)]),
      );
      expect([by, await verifyLog(log)]).toMatchObject([by, { verdict: "MODIFIED", seq: line.seq }]);
    }
  });
});

test("a log of which nothing is left is TRUNCATED, whatever else is gone", async () => {
  const log = await copyOfLog(whole.log);
  await rm(join(log, "ledger"), { recursive: true });
  expect(await verifyLog(log)).toMatchObject({ verdict: "TRUNCATED", seq: 0 });
  await rm(join(log, "checkpoints"));
  await rm(join(log, "tree"), { recursive: true });
  expect(await verifyLog(log)).toMatchObject({ verdict: "TRUNCATED", seq: 0, records: 0 });
});

test("to verify changes nothing below the folder", async () => {
  const log = await copyOfLog(whole.log);
  const before = await digestsOf(log);
  await verifyLog(log);
  expect(await digestsOf(log)).toEqual(before);
});

async function plainLines() {
  const bytes = await readFile(join(whole.log, plain));
  const lines = linesOf(bytes);
  const [first] = lines;
  if (first === undefined) throw new Error("The segment is empty");
  return { bytes, lines, first };
}

/** Of notes with two signature lines: where each begins, up to what is in base64. */
function namesOfSecondSigners(
  checkpoints: Buffer,
): readonly { readonly start: number; readonly end: number }[] {
  const text = checkpoints.toString("latin1");
  const line = Buffer.from("— [^ ]+ ").toString("latin1");
  return [...text.matchAll(new RegExp(`(${line})([^ ]+\\n)(${line})`, "g"))].flatMap(
    ({ index, 1: first = "", 2: signature = "", 3: second = "" }) => {
      const start = index + first.length + signature.length;
      return [
        { start: index, end: index + first.length },
        { start, end: start + second.length },
      ];
    },
  );
}

function unpacked(bytes: Buffer): Buffer | undefined {
  try {
    return zstdDecompressSync(bytes);
  } catch {
    return undefined;
  }
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

async function digestsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (const file of await filesBelow(folder))
    digests.set(
      file,
      createHash("sha256")
        .update(await readFile(join(folder, file)))
        .digest("hex"),
    );
  return digests;
}
