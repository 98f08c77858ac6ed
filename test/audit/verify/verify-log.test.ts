import { copyFile, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { request, text } from "../write/entries.ts";
import { openScratchLog } from "../write/scratch-log.ts";
import { copyOfLog, passingFolder, removeLog } from "./mixed-log.ts";
import { spoil } from "./spoil.ts";
import { onlySegment, PAYLOADS, thousandRecords } from "./thousand-records.ts";

let whole: { readonly log: string; readonly keys: string };
let ledger: string;

beforeAll(async () => {
  whole = await thousandRecords();
  ledger = await onlySegment(whole.log);
});

afterAll(async () => await removeLog(whole));

async function verdictOf(folder: string, options?: VerifyOptions) {
  const { verdict, seq } = await verifyLog(folder, options);
  return { verdict, seq };
}

test("a log that was closed and left alone is OK, to its last record", async () => {
  expect(await verifyLog(whole.log)).toMatchObject({
    verdict: "OK",
    records: 1000,
    payloads: PAYLOADS,
    unanchored: 0,
    findings: [],
  });
});

// Some of the places; test/e2e/every-flip.full.test.ts takes every one.
describe("whatever is done to a thousand records is seen, with its place", () => {
  test.each([
    { kind: "flips", what: "a flipped bit: MODIFIED, at its record", step: 1009 },
    { kind: "lines", what: "a line dropped, doubled or swapped: MODIFIED, there", step: 23 },
    { kind: "cuts", what: "a cut: TRUNCATED, from the first record that is missing", step: 1499 },
  ] as const)("$what", async ({ kind, step }) => {
    const log = await copyOfLog(whole.log);
    const { places, wrong } = await spoil({ kind, log, file: ledger, from: 0, step });
    expect(wrong).toEqual([]);
    expect(places).toBeGreaterThan(100);
  });

  test("several bytes flipped at once: each of their records is named", async () => {
    const log = await copyOfLog(whole.log);
    const share = { log, file: ledger, from: 0, step: 1009, together: 8 };
    const { places, wrong } = await spoil({ kind: "flips", ...share });
    expect(wrong).toEqual([]);
    expect(places).toBeGreaterThan(150);
  });
});

describe("what only a signed statement can tell", () => {
  test("a log rewritten so that it fits together is not the tree's", async () => {
    const folder = await copyOfLog(whole.log);
    await forge(folder, 501);
    expect(await verdictOf(folder)).toEqual({ verdict: "MODIFIED", seq: 501 });
  });

  test("with its tiles rewritten as well it is FORKED", async () => {
    const folder = await copyOfLog(whole.log);
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
    const folder = await copyOfLog(whole.log);
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
    const folder = await copyOfLog(whole.log);
    const path = join(folder, "tree/tile/0/001");
    const bytes = await readFile(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await verdictOf(folder)).toEqual({ verdict: "MODIFIED", seq: 257 });
  });

  test("a hash above the leaves changed by one bit is MODIFIED, at the first record below it", async () => {
    const folder = await copyOfLog(whole.log);
    const path = join(folder, "tree/tile/1/000.p/3");
    const bytes = await readFile(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await verdictOf(folder)).toEqual({ verdict: "MODIFIED", seq: 256 });
  });

  test("log, tiles and checkpoints rolled back together: TRUNCATED by an anchor, by the witness, and by nothing else", async () => {
    const at = await passingFolder();
    const socket = `${at.log}.w`;
    const witness = await serveWitness({ socket, folder: `${at.log}.witness` });
    await (await openScratchLog(at, {}, { askWitness: witnessAt(socket) })).log.close();
    const early = await copyOfLog(at.log);
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

  test("log and keys rolled back together and written on: TRUNCATED, then FORKED, by the witness or an anchor", async () => {
    const at = await passingFolder();
    const socket = `${at.log}.w`;
    const witness = await serveWitness({ socket, folder: `${at.log}.witness` });
    await (await openScratchLog(at, {}, { askWitness: witnessAt(socket) })).log.close();
    const early = { log: await copyOfLog(at.log), keys: `${at.keys}.early` };
    await copyFile(at.keys, early.keys);
    const { log } = await openScratchLog(at, {}, { askWitness: witnessAt(socket) });
    await log.renewSigningKey();
    await log.append({ type: "heartbeat" }).durable;
    await log.close();
    const [head] = await (await openWitnessState(`${at.log}.witness`)).heads();
    const known = {
      witness: { key: parseVerifier(witness.vkey), head: head?.note ?? "" },
      anchors: [{ from: "anchor", text: (await readCheckpointNotes(at.log)).at(-1) ?? "" }],
    };
    expect((await verdictOf(at.log, known)).verdict).toBe("OK");
    expect((await verdictOf(early.log)).verdict).toBe("OK");
    for (const one of [{ witness: known.witness }, { anchors: known.anchors }])
      expect(await verdictOf(early.log, one)).toEqual({ verdict: "TRUNCATED", seq: 3 });
    await witness.close();
    // By a writer that asks no witness: one that does would not open it.
    const { log: again } = await openScratchLog(early);
    for (let index = 0; index < 9; index += 1) again.append({ type: "heartbeat" });
    await again.close();
    expect((await verdictOf(early.log)).verdict).toBe("OK");
    for (const one of [{ witness: known.witness }, { anchors: known.anchors }])
      expect((await verdictOf(early.log, one)).verdict).toBe("FORKED");
  });

  test("a key that was handed over signs no more: KEY_RANGE", async () => {
    const at = await passingFolder();
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
    const at = await passingFolder();
    const { log } = await openScratchLog(at);
    await log.append(request("a"), text("x")).durable;
    await log.checkpoint();
    const copy = await copyOfLog(at.log);
    await log.close();
    expect(await verdictOf(copy)).toEqual({ verdict: "INCOMPLETE", seq: 1 });
    expect((await verdictOf(copy, { live: true })).verdict).toBe("OK");
  });

  test("a torn last line is TORN_TAIL, and records after the last checkpoint are unanchored", async () => {
    const at = await passingFolder();
    const { log } = await openScratchLog(at);
    await log.append({ type: "heartbeat" }).durable;
    const copy = await copyOfLog(at.log);
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
    const at = await passingFolder();
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
    const at = await passingFolder();
    const { log } = await openScratchLog(at);
    await log.rotate("verb");
    await log.rotate("verb");
    await log.close();
    const names = (await readdir(join(at.log, "ledger"))).sort();
    const gone = await copyOfLog(at.log);
    await rm(join(gone, "ledger", names[1] ?? ""));
    expect((await verdictOf(gone)).verdict).toBe("MODIFIED");
    const first = await copyOfLog(at.log);
    await rm(join(first, "ledger", names[0] ?? ""));
    expect(await verdictOf(first)).toEqual({ verdict: "MODIFIED", seq: 0 });
    const renamed = await copyOfLog(at.log);
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
