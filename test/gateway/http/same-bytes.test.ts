import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { answerOf, ask, begin, closed, type Seen, type Where } from "./client.ts";
import { pacedBy, type Paced } from "./paced.ts";
import { closeRigs, startRig } from "./rig.ts";
import { CHAT, DONE, frame, json, LAST_FRAME, type Answer } from "./upstream.ts";

afterEach(closeRigs);

const MODES = ["request", "strict", "async"] as const;
const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };
/** As llama-server sends it while it works on a prompt. */
const COMMENT = ":\n\n";
const TOKENS = ["Hel", "lo", " wörld", " 🙂"].map(frame);
const WHOLE = [...TOKENS, LAST_FRAME, DONE];

describe.each(MODES)("in %s mode, bytes come as they do without a gateway:", (mode) => {
  test.each<[string, Answer]>([
    ["JSON with a length", json(CHAT)],
    ["JSON in chunks", inPieces("application/json", JSON.stringify(CHAT), 100)],
    ["JSON in chunks of one byte", inPieces("application/json", JSON.stringify(CHAT), 1)],
    ["an error of upstream", json({ error: { code: 400, message: "too long" } }, 400)],
    ["a stream cut in the middle of events and characters", inPieces("text/event-stream", WHOLE.join(""), 7)],
  ])("%s", async (_, answer) => {
    const rig = await startRig({ answer, mode });
    const [direct, through] = [await ask(rig.upstream, STREAM), await ask(rig, STREAM)];
    expect(wireOf(through)).toEqual(wireOf(direct));
    const { sha256, bytes } = wireOf(direct);
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ raw: { sha256, bytes } }]);
  });
});

describe.each(MODES)("in %s mode, each event comes by itself before the next is sent:", (mode) => {
  test.each([
    ["of a stream", WHOLE],
    ["of a stream with comments", WHOLE.flatMap((one) => [COMMENT, one])],
    ["of a stream with CRLF", WHOLE.map((one) => one.replaceAll("\n", "\r\n"))],
    ["of a stream with CR", WHOLE.map((one) => one.replaceAll("\n", "\r"))],
    ["of a stream with a byte order mark", [`\u{feff}${TOKENS[0]}`, ...WHOLE.slice(1)]],
  ])("%s", async (_, events) => {
    const paced = pacedBy(events);
    const rig = await startRig({ answer: paced.answer, mode });
    const [direct, through] = [await follow(rig.upstream, paced), await follow(rig, paced)];
    expect(direct.map(String)).toEqual(events);
    expect(through.map(sha256)).toEqual(direct.map(sha256));
    const whole = Buffer.concat([...direct]);
    expect(await rig.untilRecords("res", 1)).toMatchObject([
      { raw: { sha256: sha256(whole), bytes: whole.length } },
    ]);
  });
});

/** The chunks of a whole answer. */
async function follow(where: Where, { arrived }: Paced): Promise<readonly Buffer[]> {
  const answer = await answerOf(begin(where, STREAM));
  const chunks: Buffer[] = [];
  answer.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    arrived();
  });
  await closed(answer);
  expect(answer.complete).toBe(true);
  return chunks;
}

/** By bytes, so also in the middle of a character. */
function inPieces(type: string, text: string, length: number): Answer {
  const bytes = Buffer.from(text);
  return async (response) => {
    response.writeHead(200, { "content-type": type });
    for (let at = 0; at < bytes.length; at += length) {
      response.write(bytes.subarray(at, at + length));
      await nextTurn();
    }
    response.end();
  };
}

function wireOf({ status, headers, bytes, isWhole }: Seen) {
  const { "content-type": type, "content-length": length } = headers;
  return { status, type, length, isWhole, bytes: bytes.length, sha256: sha256(bytes) };
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
