import { cp, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { encodeLedgerLine, parseLedgerLine, isLedgerLine } from "../../../src/audit/line.ts";
import {
  COSIGNATURE,
  NOTE_SIGNATURE,
  parseVerifier,
  readKey,
  signerOf,
} from "../../../src/audit/notes/keys.ts";
import { readCheckpointNotes } from "../../../src/audit/notes/checkpoint-file.ts";
import { signNote } from "../../../src/audit/notes/signed-note.ts";
import { parseCheckpoint } from "../../../src/audit/notes/checkpoint.ts";
import { parseNote } from "../../../src/audit/notes/signed-note.ts";
import { leafHash } from "../../../src/audit/tree/rfc6962.ts";
import { verifyLog, type VerifyOptions } from "../../../src/audit/verify/verify-log.ts";
import { witnessAt } from "../../../src/audit/write/ask-witness.ts";
import { serveWitness } from "../../../src/witness/serve.ts";
import { openWitnessState } from "../../../src/witness/state.ts";
import { answer, request, text } from "../write/entries.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";

/** A closed log of a thousand records, in one segment. */
let whole: { readonly log: string; readonly keys: string };
let ledger: string;

beforeAll(async () => {
  whole = await scratchFolder();
  const { log } = await openScratchLog(whole);
  for (let index = 0; index < 499; index += 1) {
    const { seq } = log.append(request(`r${index}`), text(`prompt number ${index}`));
    log.append(answer(`r${index}`, seq), text(`answer number ${index}`));
    if (index % 100 === 0) await log.checkpoint();
  }
  await log.close();
  const [name = ""] = await readdir(join(whole.log, "ledger"));
  ledger = join("ledger", name);
});

async function copyOf(log: string): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), "copy-")), "log");
  await cp(log, folder, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  return folder;
}

async function verdictOf(folder: string, options?: VerifyOptions) {
  const { verdict, seq } = await verifyLog(folder, options);
  return { verdict, seq };
}

test("a log that was closed and left alone is OK, to its last record", async () => {
  expect(await verifyLog(whole.log)).toMatchObject({
    verdict: "OK",
    records: 1001,
    unanchored: 0,
    findings: [],
  });
});

describe("whatever is done to a thousand records is seen", () => {
  /** One folder, its ledger written anew for each attempt. */
  async function each(attempts: AsyncIterable<Attempt> | Iterable<Attempt>): Promise<void> {
    const folder = await copyOf(whole.log);
    for await (const { bytes, expected, what } of attempts) {
      await writeFile(join(folder, ledger), bytes);
      const verdict = await verdictOf(folder);
      expect(expected(verdict), `${what}: ${JSON.stringify(verdict)}`).toBe(true);
    }
  }

  type Attempt = {
    readonly what: string;
    readonly bytes: Buffer;
    readonly expected: (verdict: Awaited<ReturnType<typeof verdictOf>>) => boolean;
  };

  test("a flipped bit anywhere: MODIFIED, at the record that it is in", { timeout: 600_000 }, async () => {
    const { bytes, lines } = await linesOf();
    async function* flips(): AsyncGenerator<Attempt> {
      for (const { start, end, seq } of lines)
        for (let at = start + ((seq * 7) % 61); at <= end; at += 61) {
          const flipped = Buffer.from(bytes);
          flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
          yield {
            what: `byte ${at} of record ${seq}`,
            bytes: flipped,
            expected: (got) => got.verdict === "MODIFIED" && got.seq === seq,
          };
          if (at === end) break;
        }
    }
    const sampled: Attempt[] = [];
    let count = 0;
    for await (const one of flips()) if ((count += 1) % 16 === 0) sampled.push(one);
    expect(sampled.length).toBeGreaterThan(500);
    await each(sampled);
  });

  test(
    "a line that is dropped, doubled, or swapped with the next: MODIFIED, there",
    { timeout: 600_000 },
    async () => {
      const { bytes, lines } = await linesOf();
      const attempts: Attempt[] = [];
      for (let index = 0; index + 2 < lines.length; index += 23) {
        const [line, next] = [lines[index], lines[index + 1]];
        if (line === undefined || next === undefined) break;
        const [before, own, after] = [
          bytes.subarray(0, line.start),
          bytes.subarray(line.start, line.end + 1),
          bytes.subarray(line.end + 1),
        ];
        const following = bytes.subarray(next.start, next.end + 1);
        const isThere = (got: { verdict: string; seq: number | undefined }) =>
          got.verdict === "MODIFIED" && got.seq !== undefined && Math.abs(got.seq - line.seq) <= 1;
        attempts.push(
          { what: `line ${index} dropped`, bytes: Buffer.concat([before, after]), expected: isThere },
          {
            what: `line ${index} doubled`,
            bytes: Buffer.concat([before, own, own, after]),
            expected: isThere,
          },
          {
            what: `line ${index} swapped`,
            bytes: Buffer.concat([before, following, own, bytes.subarray(next.end + 1)]),
            expected: isThere,
          },
        );
      }
      await each(attempts);
    },
  );

  test(
    "an end that is cut off anywhere: TRUNCATED, from the first record that is missing",
    { timeout: 600_000 },
    async () => {
      const { bytes, lines } = await linesOf();
      const attempts: Attempt[] = [];
      for (let at = 1; at < bytes.length; at += Math.floor(bytes.length / 400)) {
        const missing = lines.find(({ end }) => end >= at)?.seq;
        attempts.push({
          what: `cut at ${at}`,
          bytes: bytes.subarray(0, at),
          expected: (got) =>
            got.verdict === "TRUNCATED" &&
            got.seq !== undefined &&
            missing !== undefined &&
            Math.abs(got.seq - missing) <= 1,
        });
      }
      await each(attempts);
    },
  );
});

describe("what only a signed statement can tell", () => {
  test("a log rewritten so that it fits together is not the tree's", async () => {
    const folder = await copyOf(whole.log);
    await forge(folder, 501);
    expect(await verdictOf(folder)).toEqual({ verdict: "MODIFIED", seq: 501 });
  });

  test("with its tiles rewritten as well it is FORKED", async () => {
    const folder = await copyOf(whole.log);
    await forge(folder, 501);
    const notes = await readCheckpointNotes(folder);
    await rm(join(folder, "checkpoints"));
    await rm(join(folder, "tree"), { recursive: true });
    await openScratchLog({ log: folder, keys: `${folder}.stolen` }).then(async ({ log }) => log.close());
    await writeFile(join(folder, "checkpoints"), notes.map((note) => `${note}\n`).join(""));
    expect((await verdictOf(folder)).verdict).toBe("FORKED");
  });

  test("a checkpoint changed by one character is MODIFIED", async () => {
    const path = "checkpoints";
    const text = await readFile(join(whole.log, path), "utf8");
    const folder = await copyOf(whole.log);
    for (let at = 5; at < text.length; at += 37) {
      if (text[at] === "\n") continue;
      await writeFile(
        join(folder, path),
        `${text.slice(0, at)}${text[at] === "x" ? "y" : "x"}${text.slice(at + 1)}`,
      );
      expect((await verdictOf(folder)).verdict, `at ${at}: ${text.slice(at - 5, at + 5)}`).toMatch(
        /MODIFIED|FORKED/,
      );
    }
  });

  test("a tile changed by one bit is MODIFIED", async () => {
    const folder = await copyOf(whole.log);
    const path = join(folder, "tree/tile/0/001");
    const bytes = await readFile(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await verdictOf(folder)).toEqual({ verdict: "MODIFIED", seq: 257 });
  });

  test("log, tiles and checkpoints rolled back together: TRUNCATED by an anchor, by the witness, and by nothing else", async () => {
    const at = await scratchFolder();
    const socket = `${at.log}.w`;
    const witness = await serveWitness({ socket, folder: `${at.log}.witness` });
    await (await openScratchLog(at, {}, { askWitness: witnessAt(socket) })).log.close();
    const early = await copyOf(at.log);
    const { log } = await openScratchLog(at, {}, { askWitness: witnessAt(socket) });
    await log.append({ type: "heartbeat" }).durable;
    await log.close();
    await witness.close();
    const anchor = (await readCheckpointNotes(at.log)).at(-1) ?? "";
    const [head] = await (await openWitnessState(`${at.log}.witness`)).heads();
    const key = parseVerifier(witness.vkey);
    expect(key.type).toBe(COSIGNATURE);
    expect((await verdictOf(early)).verdict).toBe("OK");
    expect(await verdictOf(early, { anchors: [{ from: "anchor", text: anchor }] })).toEqual({
      verdict: "TRUNCATED",
      seq: 3,
    });
    expect(await verdictOf(early, { witness: { key, head: head?.note ?? "" } })).toEqual({
      verdict: "TRUNCATED",
      seq: 3,
    });
    const now = await verifyLog(at.log, {
      witness: { key, head: head?.note ?? "" },
      anchors: [{ from: "anchor", text: anchor }],
    });
    expect(now).toMatchObject({ verdict: "OK", anchors: 2 });
    expect(now.cosigned).toBeGreaterThan(2);
  });

  test("a key that was handed over signs no more: KEY_RANGE", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    const old = await readKey(at.keys);
    await log.renewSigningKey();
    await log.close();
    expect((await verdictOf(at.log)).verdict).toBe("OK");
    const note = parseNote((await readCheckpointNotes(at.log)).at(-1) ?? "");
    const { origin } = parseCheckpoint(note.text);
    if (old === undefined) throw new Error("no key");
    const forged = signNote(note.text, signerOf(origin, NOTE_SIGNATURE, old));
    const anchors = [{ from: "stolen key", text: forged }];
    expect(await verdictOf(at.log, { anchors })).toEqual({ verdict: "KEY_RANGE", seq: 3 });
    const stranger = signerOf(origin, NOTE_SIGNATURE, (await readKey(whole.keys)) ?? old);
    expect((await verdictOf(at.log, { logKey: stranger })).verdict).toBe("KEY_RANGE");
  });
});

describe("what is unfinished", () => {
  test("a request without an answer is INCOMPLETE, unless somebody still writes the log", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    await log.append(request("a"), text("x")).durable;
    await log.checkpoint();
    const copy = await copyOf(at.log);
    await log.close();
    expect(await verdictOf(copy)).toEqual({ verdict: "INCOMPLETE", seq: 1 });
    expect((await verdictOf(copy, { live: true })).verdict).toBe("OK");
  });

  test("a torn last line is TORN_TAIL, and records after the last checkpoint are unanchored", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    await log.append({ type: "heartbeat" }).durable;
    const copy = await copyOf(at.log);
    await log.close();
    expect(await verdictOf(copy)).toEqual({ verdict: "OK_UNANCHORED", seq: 1 });
    const [name = ""] = await readdir(join(copy, "ledger"));
    const path = join(copy, "ledger", name);
    const bytes = await readFile(path);
    await truncate(path, bytes.length - 3);
    expect(await verdictOf(copy)).toEqual({ verdict: "TORN_TAIL", seq: 1 });
    expect((await verdictOf(copy, { live: true })).verdict).toBe("OK");
  });

  test("tokens that nobody accounts for are a RECONCILE_GAP", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    log.append({
      type: "reconcile",
      verdict: "gap",
      upstream: { input: 9, output: 9 },
      logged: { input: 1, output: 1 },
      interrupted: 0,
    });
    await log.close();
    expect(await verdictOf(at.log)).toEqual({ verdict: "RECONCILE_GAP", seq: 1 });
  });

  test("a segment that is gone from the middle, or renamed, is MODIFIED", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    await log.rotate("verb");
    await log.rotate("verb");
    await log.close();
    const names = (await readdir(join(at.log, "ledger"))).sort();
    const gone = await copyOf(at.log);
    await rm(join(gone, "ledger", names[1] ?? ""));
    expect((await verdictOf(gone)).verdict).toBe("MODIFIED");
    const first = await copyOf(at.log);
    await rm(join(first, "ledger", names[0] ?? ""));
    expect(await verdictOf(first)).toEqual({ verdict: "MODIFIED", seq: 0 });
    const renamed = await copyOf(at.log);
    await rename(
      join(renamed, "ledger", names[0] ?? ""),
      join(renamed, "ledger", (names[0] ?? "").replace(".000", ".000").replace("2026", "2020")),
    );
    expect((await verdictOf(renamed)).verdict).toBe("MODIFIED");
  });
});

test("a folder that is no log has no verdict", async () => {
  await expect(verifyLog(tmpdir())).rejects.toMatchObject({ code: "LOG_UNKNOWN" });
});

/** Line by line: where it begins, and which record it is of. */
async function linesOf() {
  const bytes = await readFile(join(whole.log, ledger));
  const lines: {
    readonly start: number;
    readonly end: number;
    readonly seq: number;
    readonly isRecord: boolean;
  }[] = [];
  let seq = -1;
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    const isRecord = isLedgerLine(bytes.subarray(start, end));
    if (isRecord) seq += 1;
    lines.push({ start, end, seq, isRecord });
    start = end + 1;
  }
  return { bytes, lines };
}

/** Every line made anew from record `from` on, so that the chain holds; the tiles go, as a forger would make them go. */
async function forge(folder: string, from: number): Promise<void> {
  const path = join(folder, ledger);
  const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
  let prev = "0".repeat(64);
  const forged = lines.map((line) => {
    if (!isLedgerLine(Buffer.from(line))) return line;
    const { v, seq, prev: _, ts, mono, ...body } = parseLedgerLine(Buffer.from(line));
    const changed = seq === from && body.type === "req" ? { ...body, route: "forged" } : body;
    const made = encodeLedgerLine({ v, seq, prev, ts, mono }, changed);
    prev = leafHash(made).toString("hex");
    return made.toString();
  });
  await writeFile(path, forged.map((line) => `${line}\n`).join(""));
}
