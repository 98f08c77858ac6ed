/** What stands in the log's file at the moments that count: when llama-server gets a request, and when a client gets its bytes. */
import { pbkdf2 } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ledgerFolder } from "../../../src/audit/layout.ts";
import { isLedgerLine, parseLedgerLine } from "../../../src/audit/line.ts";
import type { LedgerRecord } from "../../../src/audit/record.ts";
import { answerOf, ASK, begin, closed } from "./client.ts";
import { pacedBy, type Paced } from "./paced.ts";
import { closeRigs, startRig, type Rig, type RigOptions } from "./rig.ts";
import { CHAT, DONE, frame, json, LAST_FRAME } from "./upstream.ts";

afterEach(async () => {
  vi.useRealTimers();
  await closeRigs();
});

const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };
const TOKENS = ["alpha", "beta", "gamma", "omega"];
const FRAMES = [...TOKENS.map(frame), LAST_FRAME, DONE];

type OnDisk = {
  readonly records: readonly LedgerRecord[];
  readonly payloadOf: (seq: number | undefined) => string | undefined;
};

/** Read in one go, so that nothing is written meanwhile by this process's own event loop. */
function readNow(log: string): OnDisk {
  const folder = ledgerFolder(log);
  const lines = readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => Buffer.from(line));
  const payloads = lines
    .filter((line) => !isLedgerLine(line))
    .map((line): { readonly payload: number; readonly text: string } => JSON.parse(line.toString()));
  return {
    records: lines.filter((line) => isLedgerLine(line)).map((line) => parseLedgerLine(line)),
    payloadOf: (seq) => payloads.find(({ payload }) => payload === seq)?.text,
  };
}

/** Who does not wait for the disk is seen: all that is written to files from here on waits for its turn behind these. */
function keepWritersBusy(): void {
  for (let count = 0; count < 8; count += 1) pbkdf2("", "", 50_000, 32, "sha512", () => undefined);
}

/** With what stood in the file whenever upstream was asked. */
async function startWatched(options: RigOptions): Promise<{ rig: Rig; atUpstream: readonly OnDisk[] }> {
  const atUpstream: OnDisk[] = [];
  const rig: Rig = await startRig({
    ...options,
    answer: (response, received) => {
      atUpstream.push(readNow(rig.log.folder));
      keepWritersBusy();
      return options.answer(response, received);
    },
  });
  return { rig, atUpstream };
}

/** What the client has, and what stands in the file, at each chunk that it gets. */
async function follow(rig: Rig, paced?: Paced): Promise<readonly { text: string; onDisk: OnDisk }[]> {
  keepWritersBusy();
  const answer = await answerOf(begin(rig, paced === undefined ? {} : STREAM));
  const seen: { text: string; onDisk: OnDisk }[] = [];
  let text = "";
  answer.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    seen.push({ text, onDisk: readNow(rig.log.folder) });
    paced?.arrived();
  });
  await closed(answer);
  return seen;
}

describe.each(["request", "strict"] as const)("in %s mode", (mode) => {
  test("the request and its text are in the file when llama-server gets it", async () => {
    const { rig, atUpstream } = await startWatched({ answer: json(CHAT), mode });
    await follow(rig);
    const [{ records, payloadOf } = readNow(rig.log.folder)] = atUpstream;
    const req = records.find(({ type }) => type === "req");
    expect(records.map(({ type }) => type)).not.toContain("res");
    expect(payloadOf(req?.seq)).toBe(JSON.stringify(ASK));
  });

  test("the answer's record and text are in the file when the client gets its last byte", async () => {
    const { rig } = await startWatched({ answer: json(CHAT), mode });
    const seen = await follow(rig);
    const last = seen.at(-1);
    expect(last?.text).toBe(JSON.stringify(CHAT));
    const res = last?.onDisk.records.find(({ type }) => type === "res");
    expect(last?.onDisk.payloadOf(res?.seq)).toBe(JSON.stringify(CHAT));
  });

  test("a stream's record and text are in the file when the client gets its last event", async () => {
    const paced = pacedBy(FRAMES);
    const { rig } = await startWatched({ answer: paced.answer, mode });
    const seen = await follow(rig, paced);
    expect(seen.at(-1)?.text).toBe(FRAMES.join(""));
    // Its end may come in several pieces: the first of them counts.
    const ended = seen.find(({ text }) => text.includes(DONE.slice(0, -2)));
    const res = ended?.onDisk.records.find(({ type }) => type === "res");
    expect(ended?.onDisk.payloadOf(res?.seq)).toContain(TOKENS.join(""));
  });
});

test("in strict mode each token's text is in a part in the file when the client gets it", async () => {
  const paced = pacedBy(FRAMES);
  const { rig } = await startWatched({ answer: paced.answer, mode: "strict" });
  const seen = await follow(rig, paced);
  for (const { text, onDisk } of seen) {
    const parts = onDisk.records.filter(({ type }) => type === "part");
    const kept = parts.map(({ seq }) => onDisk.payloadOf(seq)).join("");
    for (const token of TOKENS.filter((one) => text.includes(one))) expect(kept).toContain(token);
  }
  expect(seen.length).toBe(FRAMES.length);
});

describe("a part of a stream is written", () => {
  test("after 16 KiB of text, without waiting for more", async () => {
    // No timer writes them here.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const piece = "x".repeat(4_096);
    const paced = pacedBy([...Array<string>(9).fill(frame(piece)), LAST_FRAME, DONE]);
    const rig = await startRig({ answer: paced.answer });
    await follow(rig, paced);
    const parts = await rig.records("part");
    expect(parts).toHaveLength(2);
    for (const { seq } of parts)
      expect(await rig.payloadOf(seq)).toBe(JSON.stringify([["choices.0.content", piece.repeat(4)]]));
  });

  test("two seconds after the first text that no part has", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const rig = await startRig({
      answer: (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(frame("little"));
      },
    });
    const call = begin(rig, STREAM).on("error", () => undefined);
    const answer = await answerOf(call);
    answer.on("error", () => undefined);
    await new Promise((resolve) => answer.once("data", resolve));
    await vi.advanceTimersByTimeAsync(1_999);
    expect(await rig.records("part")).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    vi.useRealTimers();
    const [part] = await rig.untilRecords("part", 1);
    expect(await rig.payloadOf(part?.seq ?? -1)).toContain("little");
    call.destroy();
  });
});
