import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatAddCheckpoint } from "../../src/audit/notes/add-checkpoint.ts";
import { formatCheckpoint } from "../../src/audit/notes/checkpoint.ts";
import { cosignedAt } from "../../src/audit/notes/cosignature.ts";
import { parseNote, signatureLine, signNote } from "../../src/audit/notes/signed-note.ts";
import { judgeAddCheckpoint, type WitnessAnswer } from "../../src/witness/judge.ts";
import { openWitnessState, type WitnessState } from "../../src/witness/state.ts";
import { logSigner, ORIGIN, witnessSigner } from "../audit/notes/sample-keys.ts";
import { treeOf } from "../audit/tree/small-tree.ts";
import { addCheckpoint, signedCheckpoint, type Sent } from "./sample-log.ts";

const NOW = 1_679_315_147;
const LOG_KEY = logSigner().vkey;

let folder: string;
let state: WitnessState;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "witness-"));
  state = await openWitnessState(folder);
});
afterEach(() => rm(folder, { recursive: true }));

async function ask(body: string, logKey: string | undefined = LOG_KEY): Promise<WitnessAnswer> {
  return await judgeAddCheckpoint(body, logKey, { state, key: witnessSigner(), now: () => NOW });
}

async function send(sent: Sent, logKey?: string): Promise<WitnessAnswer> {
  return await ask(await addCheckpoint(sent), logKey);
}

/** What it would go on from after a restart. */
async function remembered(): Promise<string | undefined> {
  return (await (await openWitnessState(folder)).head(ORIGIN))?.note;
}

describe("a log that grows", () => {
  test("is cosigned from its first checkpoint on, and each time remembered", async () => {
    const sizes = [1, 2, 5, 8, 8, 13];
    for (const [index, size] of sizes.entries()) {
      const from = sizes[index - 1] ?? 0;
      const { status, body } = await send({ size, from });
      expect({ status, size }).toEqual({ status: 200, size });
      const note = `${await signedCheckpoint({ size })}${body}`;
      expect(cosignedAt(parseNote(note), witnessSigner())).toBe(NOW);
      expect(await remembered()).toBe(note);
    }
  });

  test("may begin with no records at all", async () => {
    expect(await send({ size: 0 })).toMatchObject({ status: 200 });
    expect(await send({ size: 0 })).toMatchObject({ status: 200 });
    expect(await send({ size: 3 })).toMatchObject({ status: 200 });
  });

  test("is remembered apart from every other one", async () => {
    const other = logSigner("another seed", "other-log");
    await send({ size: 5 });
    const sent = { size: 3, origin: "other-log", signers: [other] };
    expect(await send(sent, other.vkey)).toMatchObject({ status: 200 });
    expect(await send({ size: 8, from: 5 })).toMatchObject({ status: 200 });
    expect((await state.heads()).length).toBe(2);
  });
});

async function expectRefused(body: string, refusal: WitnessAnswer): Promise<void> {
  const before = await remembered();
  expect(await ask(body)).toEqual(refusal);
  expect(await remembered()).toBe(before);
  expect(await send({ size: 9, from: 8 })).toMatchObject({ status: 200 });
}

describe("a log that does not grow out of what was seen", () => {
  beforeEach(async () => {
    expect(await send({ size: 8 })).toMatchObject({ status: 200 });
  });

  test("was rolled back: 409, and told what was seen", async () => {
    expect(await send({ size: 5 })).toEqual({ status: 409, body: "8\n" });
    expect(await send({ size: 5, from: 5 })).toEqual({ status: 409, body: "8\n" });
    await expectRefused(await addCheckpoint({ size: 7, from: 5 }), { status: 409, body: "8\n" });
  });

  test("was rolled back, and says that it was not: 400", async () => {
    const { proof } = await treeOf(8, { from: 5 });
    const body = formatAddCheckpoint({ old: 8, proof, note: await signedCheckpoint({ size: 5 }) });
    await expectRefused(body, { status: 400, body: "old is larger than the checkpoint\n" });
  });

  test("was written anew, to the same size: 422", async () => {
    const body = await addCheckpoint({ size: 8, from: 8, leaves: "other" });
    await expectRefused(body, { status: 422, body: "not consistent with what was seen\n" });
  });

  test("was written anew, and has grown: 422", async () => {
    const body = await addCheckpoint({ size: 13, from: 8, leaves: "other" });
    await expectRefused(body, { status: 422, body: "not consistent with what was seen\n" });
  });

  test("begins again: 409, whatever key comes along", async () => {
    const thief = logSigner("another seed");
    const body = await addCheckpoint({ size: 3, signers: [logSigner(), thief] });
    expect(await ask(body, thief.vkey)).toEqual({ status: 409, body: "8\n" });
    await expectRefused(body, { status: 409, body: "8\n" });
  });

  test.each([
    ["without one", []],
    ["with a hash too many", [Buffer.alloc(32)]],
  ])("has grown %s in its proof: 422", async (_, extra) => {
    const { proof } = await treeOf(13, { from: 8 });
    const changed = extra.length === 0 ? proof.slice(1) : [...proof, ...extra];
    const body = formatAddCheckpoint({ old: 8, proof: changed, note: await signedCheckpoint({ size: 13 }) });
    await expectRefused(body, { status: 422, body: "not consistent with what was seen\n" });
  });

  test("is as large as before, and has a proof: 422", async () => {
    const note = await signedCheckpoint({ size: 8 });
    const body = formatAddCheckpoint({ old: 8, proof: [Buffer.alloc(32)], note });
    await expectRefused(body, { status: 422, body: "not consistent with what was seen\n" });
  });
});

test("whatever a log sends, what is remembered only ever grows, and what is cosigned is consistent with all that was", async () => {
  const step = fc.record({
    size: fc.integer({ min: 0, max: 20 }),
    from: fc.integer({ min: 0, max: 20 }),
    leaves: fc.constantFrom("leaf", "leaf", "leaf", "other"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const at = await mkdtemp(join(folder, "run-"));
      const deps = { state: await openWitnessState(at), key: witnessSigner(), now: () => NOW };
      let seen = { size: 0, leaves: "" };
      for (const { size, from, leaves } of steps) {
        const body = await addCheckpoint({ size, from: Math.min(from, size), leaves });
        const { status } = await judgeAddCheckpoint(body, LOG_KEY, deps);
        const isGrowth = Math.min(from, size) === seen.size && (seen.size === 0 || leaves === seen.leaves);
        expect({ size, status: status === 200 }).toEqual({ size, status: isGrowth });
        if (status === 200) seen = { size, leaves };
      }
    }),
    { numRuns: 60 },
  );
});

describe("whose signature counts", () => {
  test("nobody's where no key came along with a log that was never seen: 404", async () => {
    const body = await addCheckpoint({ size: 1 });
    const deps = { state, key: witnessSigner(), now: () => NOW };
    expect(await judgeAddCheckpoint(body, undefined, deps)).toMatchObject({ status: 404 });
    expect(await state.heads()).toEqual([]);
  });

  test("the first key's, though none or another one comes along later", async () => {
    await send({ size: 1 });
    const body = await addCheckpoint({ size: 2, from: 1 });
    const deps = { state, key: witnessSigner(), now: () => NOW };
    expect(await judgeAddCheckpoint(body, undefined, deps)).toMatchObject({ status: 200 });
    expect(await send({ size: 3, from: 2 }, logSigner("another seed").vkey)).toMatchObject({ status: 200 });
    expect((await state.head(ORIGIN))?.logKey).toBe(LOG_KEY);
  });

  test("not another key's: 403, on the first checkpoint and after", async () => {
    const thief = logSigner("another seed");
    expect(await send({ size: 1, signers: [thief] })).toMatchObject({ status: 403 });
    expect(await state.heads()).toEqual([]);
    await send({ size: 1 });
    expect(await send({ size: 2, from: 1, signers: [thief] }, thief.vkey)).toMatchObject({ status: 403 });
  });

  test("not where one signature of the key is wrong: 403", async () => {
    const note = await signedCheckpoint({ size: 1 });
    const wrong = signatureLine(logSigner(), Buffer.alloc(64));
    const body = formatAddCheckpoint({ old: 0, proof: [], note: `${note}${wrong}` });
    expect(await ask(body)).toMatchObject({ status: 403 });
  });

  test("not a witness's, though the log claims it for its own: 403", async () => {
    const key = witnessSigner();
    expect(await send({ size: 1, signers: [key] }, key.vkey)).toMatchObject({ status: 403 });
  });
});

describe("a new key", () => {
  const next = logSigner("next seed");

  beforeEach(async () => {
    await send({ size: 4 });
  });

  test("takes over with a note that both have signed, and the old one is out", async () => {
    expect(await send({ size: 5, from: 4, signers: [next, logSigner()] }, next.vkey)).toMatchObject({
      status: 200,
    });
    expect(await send({ size: 6, from: 5, signers: [next] }, next.vkey)).toMatchObject({ status: 200 });
    expect(await send({ size: 7, from: 6 }, LOG_KEY)).toMatchObject({ status: 403 });
    expect((await state.head(ORIGIN))?.logKey).toBe(next.vkey);
  });

  test("does not take over where it has not signed", async () => {
    expect(await send({ size: 5, from: 4 }, next.vkey)).toMatchObject({ status: 200 });
    expect(await send({ size: 6, from: 5, signers: [next] }, next.vkey)).toMatchObject({ status: 403 });
  });

  test("does not take over where the tree does not grow", async () => {
    const sent = { size: 5, from: 4, leaves: "other", signers: [next, logSigner()] };
    expect(await send(sent, next.vkey)).toMatchObject({ status: 422 });
    expect((await state.head(ORIGIN))?.logKey).toBe(LOG_KEY);
  });

  test("that a witness has for itself does not take over", async () => {
    const witness = witnessSigner();
    await send({ size: 5, from: 4, signers: [logSigner(), witness] }, witness.vkey);
    expect((await state.head(ORIGIN))?.logKey).toBe(LOG_KEY);
  });
});

describe("hostile requests", () => {
  test.each([
    ["nothing", ""],
    ["a newline", "\n"],
    ["no note", "old 0\n\n"],
    ["text for a note", "old 0\n\ntext\n"],
    ["a note that is no checkpoint", `old 0\n\n${signNote("text\n", logSigner())}`],
    ["an endless size", `old ${"9".repeat(60_000)}\n\n${signNote("text\n", logSigner())}`],
    ["zeros", "\0".repeat(1000)],
  ])("%s: 400, and nothing is remembered", async (_, body) => {
    expect(await ask(body)).toEqual({ status: 400, body: "malformed\n" });
    expect(await state.heads()).toEqual([]);
  });

  test.each(["", "nonsense", `${LOG_KEY}x`, "a+00000000+AAAA"])(
    "%j for a key: 400, of a log that was seen as well",
    async (logKey) => {
      expect(await send({ size: 1 }, logKey)).toMatchObject({ status: 400 });
      await send({ size: 1 });
      expect(await send({ size: 2, from: 1 }, logKey)).toMatchObject({ status: 400 });
    },
  );

  test("a proof from nothing: 422", async () => {
    const note = await signedCheckpoint({ size: 2 });
    const body = formatAddCheckpoint({ old: 0, proof: [Buffer.alloc(32)], note });
    expect(await ask(body)).toMatchObject({ status: 422 });
  });

  test("no records, and a root as if there were some: 422", async () => {
    const text = formatCheckpoint({ origin: ORIGIN, size: 0, root: Buffer.alloc(32) });
    const body = formatAddCheckpoint({ old: 0, proof: [], note: signNote(text, logSigner()) });
    expect(await ask(body)).toMatchObject({ status: 422 });
    expect(await state.heads()).toEqual([]);
  });

  test("an old size of a log that was never seen: 409 and 0", async () => {
    expect(await send({ size: 5, from: 3 })).toEqual({ status: 409, body: "0\n" });
  });

  test("an origin that looks like a path stays in the folder", async () => {
    const signer = logSigner("seed", "x");
    const sent = { size: 1, origin: "../../../escape", signers: [signer] };
    expect(await send(sent, signer.vkey)).toMatchObject({ status: 200 });
    expect(await readdir(folder)).toEqual(["heads"]);
    expect(await readdir(join(folder, "heads"))).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.json$/)]);
  });
});

async function headPath(): Promise<string> {
  const [name = ""] = await readdir(join(folder, "heads"));
  return join(folder, "heads", name);
}

/** A head whose fields were changed. */
async function changeHead(change: Readonly<Record<string, string>>): Promise<string> {
  const path = await headPath();
  const head: Record<string, string> = JSON.parse(await readFile(path, "utf8"));
  const text = JSON.stringify({ ...head, ...change });
  await writeFile(path, text);
  return text;
}

describe("memory", () => {
  beforeEach(async () => {
    await send({ size: 8 });
  });

  test.each([
    ["empty", ""],
    ["cut off", '{"origin":"cloister-log/0badcafe","logKey":'],
    ["of another shape", '{"origin":"cloister-log/0badcafe"}'],
    ["no JSON", "\0\0\0\0"],
  ])("that is %s is WITNESS_STATE, and is never begun again", async (_, text) => {
    await writeFile(await headPath(), text);
    for (const sent of [{ size: 9, from: 8 }, { size: 1 }])
      await expect(send(sent)).rejects.toMatchObject({ code: "WITNESS_STATE", class: "integrity" });
    expect(await readFile(await headPath(), "utf8")).toBe(text);
  });

  test.each([
    ["a note that is none", { note: "text\n" }],
    ["a key that is none", { logKey: "nonsense" }],
    ["another log's name", { origin: "other-log" }],
  ])("with %s is WITNESS_STATE", async (_, change) => {
    const text = await changeHead(change);
    await expect(send({ size: 9, from: 8 })).rejects.toMatchObject({ code: "WITNESS_STATE" });
    expect(await readFile(await headPath(), "utf8")).toBe(text);
  });

  test("of another log in this one's place is WITNESS_STATE", async () => {
    const origin = "other-log";
    await changeHead({ origin, note: await signedCheckpoint({ size: 1, origin }) });
    await expect(send({ size: 9, from: 8 })).rejects.toMatchObject({ code: "WITNESS_STATE" });
  });

  test("that cannot be written is no cosignature, and nothing was seen", async () => {
    const before = await remembered();
    const full: WitnessState = {
      ...state,
      remember: async () => await Promise.reject(new Error("the disk is full")),
    };
    const body = await addCheckpoint({ size: 9, from: 8 });
    const answer = judgeAddCheckpoint(body, LOG_KEY, { state: full, key: witnessSigner(), now: () => NOW });
    await expect(answer).rejects.toThrow("the disk is full");
    expect(await remembered()).toBe(before);
  });

  test("is written before the answer is given", async () => {
    const order: string[] = [];
    const watched: WitnessState = {
      ...state,
      remember: async (head) => {
        await state.remember(head);
        order.push(`remembered ${head.note.split("\n")[1]}`);
      },
    };
    const body = await addCheckpoint({ size: 9, from: 8 });
    await judgeAddCheckpoint(body, LOG_KEY, { state: watched, key: witnessSigner(), now: () => NOW });
    order.push("answered");
    expect(order).toEqual(["remembered 9", "answered"]);
  });
});
