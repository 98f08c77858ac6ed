import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createReassembly, type AnswerKind } from "../../../src/gateway/reassemble/reassembly.ts";
import { assemble, contentOf, event, SSE } from "./assemble.ts";
import * as samples from "./samples.ts";

const RECORDED: readonly (readonly [AnswerKind, string, string])[] = [
  ["chat", samples.CHAT_STREAM, samples.CHAT_BODY],
  ["chat", samples.CHAT_OF_TWO_STREAM, samples.CHAT_OF_TWO_BODY],
  ["completion", samples.COMPLETION_OF_TWO_STREAM, samples.COMPLETION_OF_TWO_BODY],
  ["native", samples.NATIVE_STREAM, samples.NATIVE_BODY],
  ["responses", samples.RESPONSES_STREAM, samples.RESPONSES_BODY],
  ["messages", samples.MESSAGES_STREAM, samples.MESSAGES_BODY],
];

/** What differs from one answer of llama-server to the next: times, caches, and token ids that only its streams have. */
const VOLATILE: ReadonlySet<string> = new Set([
  "timings",
  "created",
  "created_at",
  "completed_at",
  "usage",
  "tokens",
  "logprobs",
  "id_slot",
]);

function lasting(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner) => (VOLATILE.has(key) ? undefined : inner)));
}

test.each(RECORDED)(
  "a recorded %s stream becomes what llama-server answers in one piece",
  (kind, stream, body) => {
    const streamed = assemble(kind, stream);
    expect(lasting(contentOf(streamed))).toEqual(lasting(JSON.parse(body)));
    expect(streamed.faults).toEqual([]);
  },
);

test.each(RECORDED)("a recorded %s answer in one piece is kept byte for byte", (kind, _, body) => {
  const reassembly = createReassembly(kind, "application/json; charset=utf-8");
  for (const byte of Buffer.from(body)) reassembly.push(Uint8Array.of(byte));
  const { content, raw, faults } = reassembly.finish();
  expect(Buffer.concat(content).toString()).toBe(body);
  expect(raw).toEqual({
    sha256: createHash("sha256").update(body).digest("hex"),
    bytes: Buffer.byteLength(body),
    frames: 0,
  });
  expect(faults).toEqual([]);
});

test.each([
  ["chat", samples.CHAT_STREAM, { input: 8, output: 3, cached: 0 }, ["length"]],
  ["chat", samples.CHAT_OF_TWO_STREAM, { input: 16, output: 2, cached: 14 }, ["length", "length"]],
  ["completion", samples.COMPLETION_OF_TWO_STREAM, { input: 6, output: 2, cached: 1 }, ["length", "length"]],
  ["native", samples.NATIVE_STREAM, { input: 3, output: 2 }, ["limit"]],
  ["responses", samples.RESPONSES_STREAM, { input: 8, output: 2, cached: 7 }, ["completed"]],
  ["messages", samples.MESSAGES_STREAM, { input: 8, output: 2, cached: 7 }, ["max_tokens"]],
] as const)("a recorded %s stream tells usage, finish and model", (...[kind, stream, usage, finish]) => {
  expect(assemble(kind, stream)).toMatchObject({ usage, finish, model: "demo", isError: false });
});

test("random chunk borders never change what is kept, and every delta adds up to it", () => {
  fc.assert(
    fc.property(fc.constantFrom(...RECORDED), fc.array(fc.nat(2_000)), (recorded, borders) => {
      const [kind, stream] = recorded;
      const bytes = Buffer.from(stream.replaceAll("Hello", "Grüße 🎉"));
      const cuts = [0, ...borders.map((border) => border % bytes.length), bytes.length].sort((a, b) => a - b);
      const pieces = cuts.map((cut, index) => bytes.subarray(cut, cuts[index + 1] ?? bytes.length));
      expect(assemble(kind, pieces)).toEqual(assemble(kind, [bytes]));
      expect(textOfDeltas(kind, pieces)).toEqual(textOfDeltas(kind, [bytes]));
    }),
    { numRuns: 300 },
  );
});

test("random bytes and random events never throw, and what is kept of a stream is always JSON", () => {
  const kinds: readonly AnswerKind[] = [
    "chat",
    "completion",
    "responses",
    "messages",
    "native",
    "embeddings",
    "rerank",
    "other",
  ];
  const key = fc.constantFrom(
    "choices",
    "index",
    "delta",
    "content",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "id",
    "type",
    "error",

    "item",
    "item_id",
    "output_index",
    "response",
    "output",
    "usage",
    "message",
    "content_block",
    "text",
    "stop",
    "logprobs",
  );
  const text = fc.constantFrom(
    "",
    "x",
    "\ud83d",
    "response.output_text.delta",
    "content_block_delta",
    "message_delta",
    "__proto__",
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.integer(),
      text,
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 3 }),
      tie("object"),
    ),
    object: fc.dictionary(key, tie("value"), { maxKeys: 5 }),
  })).object;
  const frame = fc.oneof(
    json.map((value) => event(value)),
    fc
      .tuple(json, fc.constantFrom("error", "response.completed", "message_start", "content_block_start"))
      .map(([value, name]) => event({ type: name, ...value }, name)),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.array(frame), fc.uint8Array(), (kind, frames, noise) => {
      const reassembly = createReassembly(kind, SSE);
      for (const one of frames) reassembly.push(Buffer.from(one));
      reassembly.push(noise);
      const delta = reassembly.takeDelta();
      if (delta !== undefined) JSON.parse(delta);
      contentOf(reassembly.finish());
      const body = createReassembly(kind, undefined);
      body.push(Buffer.from(frames.join("")));
      body.push(noise);
      body.finish();
    }),
    { numRuns: 1_500 },
  );
});

test.each(RECORDED)("the chunk that ends a recorded %s stream is held back, and it alone", (kind, stream) => {
  const reassembly = createReassembly(kind, SSE);
  const frames = stream.split(/(?<=\n\n)/);
  const held = frames.map((frame) => {
    reassembly.push(Buffer.from(frame));
    return reassembly.terminalStart;
  });
  expect(held).toEqual(frames.map((_, index) => index === frames.length - 1));
  expect(reassembly.sawTerminal()).toBe(true);
});

test.each(RECORDED)(
  "no byte of the last event of a recorded %s stream goes before its end",
  (kind, stream) => {
    const reassembly = createReassembly(kind, SSE);
    const lastStart = stream.trimEnd().lastIndexOf("\n\n") + 2;
    let released = 0;
    for (const [position, byte] of Buffer.from(stream).entries()) {
      reassembly.push(Uint8Array.of(byte));
      if (!reassembly.terminalStart) released = position + 1;
    }
    expect(released).toBe(lastStart);
  },
);

test("a chunk that ends one native prompt and begins the next is held until something follows", () => {
  const reassembly = createReassembly("native", SSE);
  reassembly.push(Buffer.from(event({ index: 0, content: "", stop: true }) + event("null")));
  expect([reassembly.terminalStart, reassembly.sawTerminal()]).toEqual([true, false]);
  reassembly.push(Buffer.from(event({ index: 1, content: "b", stop: false })));
  expect(reassembly.terminalStart).toBe(false);
});

test("without usage, the timings of a finished answer count it; those of one that was cut off do not", () => {
  const timings = { cache_n: 3, prompt_n: 5, predicted_n: 2 };
  const chunk = (finish_reason: string | null) =>
    event({ choices: [{ index: 0, delta: {}, finish_reason }], timings });
  expect(assemble("chat", chunk("stop")).usage).toEqual({ input: 8, output: 2, cached: 3 });
  expect(assemble("chat", chunk(null)).usage).toBeUndefined();
});

test("several native prompts end one after the other", () => {
  const reassembly = createReassembly("native", SSE);
  const seen = [
    event({ index: 0, content: "a", stop: false }),
    event({ index: 0, content: "", stop: true }),
    event("null"),
    event({ index: 1, content: "b", stop: false }),
    event({ index: 1, content: "", stop: true }),
  ].map((frame) => {
    reassembly.push(Buffer.from(frame));
    return [reassembly.terminalStart, reassembly.sawTerminal()];
  });
  expect(seen).toEqual([
    [false, false],
    [true, true],
    [false, false],
    [false, false],
    [true, true],
  ]);
  expect(contentOf(reassembly.finish())).toMatchObject([{ content: "a" }, { content: "b" }]);
});

test("comments, CRLF, CR, data of several lines, a byte order mark and a name without data are what the standard says", () => {
  const split = `data: {"choices":\ndata: [{"index":0,"delta":{"content":"d"}}]}\n\n`;
  const stream = `\uFEFF:\n\ndata:${chunk("a")}\r\n\r\n:\r\n\r\ndata: ${chunk("b")}\r\r: keep\ndata: ${chunk("c")}\n\nevent: ping\n\nretry: 5\n${split}data: [DONE]\r\n\r\n`;
  const assembled = assemble("chat", stream);
  expect(contentOf(assembled, "choices", 0, "message", "content")).toBe("abcd");
  expect(assembled.raw.frames).toBe(5);
  expect(assembled.faults).toEqual([]);
});

test("a delta has only what came since the last one", () => {
  const reassembly = createReassembly("chat", SSE);
  expect(reassembly.takeDelta()).toBeUndefined();
  const [, first = "", second = "", ...rest] = samples.CHAT_STREAM.split(/(?<=\n\n)/);
  reassembly.push(Buffer.from(first));
  expect(reassembly.takeDelta()).toBe('[["choices.0.content","Hello"]]');
  expect(reassembly.takeDelta()).toBeUndefined();
  reassembly.push(Buffer.from(second));
  for (const frame of rest) reassembly.push(Buffer.from(frame));
  expect(reassembly.pendingBytes).toBe(" from a".length);
  expect(reassembly.takeDelta()).toBe('[["choices.0.content"," from a"]]');
});

test("a surrogate pair that is split over two deltas is whole again", () => {
  const assembled = assemble("chat", `${half(String.raw`\ud83c`)}${half(String.raw`\udf89`)}`);
  expect(contentOf(assembled, "choices", 0, "message", "content")).toBe("🎉");
});

test.each(["chat", "completion", "responses", "native"] as const)(
  "an error in the middle of a %s stream ends it and is kept",
  (kind) => {
    const error = { code: 500, message: "out of memory", type: "server_error" };
    const first =
      kind === "native"
        ? event({ index: 0, content: "a", stop: false })
        : event({ choices: [], type: "response.created" });
    const reassembly = createReassembly(kind, SSE);
    reassembly.push(Buffer.from(first + event({ error })));
    expect([reassembly.sawTerminal(), reassembly.terminalStart]).toEqual([true, true]);
    expect(reassembly.takeDelta()).toContain("out of memory");
    const assembled = reassembly.finish();
    expect(assembled).toMatchObject({ isError: true, faults: [] });
    expect(contentOf(assembled, "error")).toEqual(error);
  },
);

test("an error in the form that llama-server gives it on /v1/messages is one", () => {
  const assembled = assemble("messages", event({ code: 500, message: "no", type: "server_error" }, "error"));
  expect(assembled.isError).toBe(true);
  expect(contentOf(assembled, "error", "message")).toBe("no");
});

test("text that is no JSON is kept aside and named", () => {
  const assembled = assemble("chat", `data: secret {\n\n${event("[DONE]")}`);
  expect(assembled.faults).toEqual(["not-json"]);
  expect(contentOf(assembled, "unmerged")).toEqual(["secret {"]);
});

test("an event that the stream's end cut off is kept aside and named", () => {
  const assembled = assemble("chat", samples.CHAT_STREAM.slice(0, 520));
  expect(assembled.faults).toEqual(["cut-event", "not-json"]);
  expect(contentOf(assembled, "unmerged", 0)).toContain('"content":" from"');
  expect(assembled.usage).toBeUndefined();
});

test("a field that changes its kind loses nothing", () => {
  const assembled = assemble(
    "native",
    event({ content: "a" }) + event({ content: ["b"] }) + event({ content: "c", stop: true }),
  );
  expect(assembled.faults).toEqual(["misfit"]);
  expect(contentOf(assembled)).toMatchObject({ content: "ac", unmerged: [{ "0.content": ["b"] }] });
});

test("JSON that is nested too deeply is text", () => {
  const deep = `{"choices":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const assembled = assemble("chat", event(deep));
  expect(assembled.faults).toEqual(["not-json"]);
  expect(contentOf(assembled, "unmerged")).toEqual([deep]);
});

test("a stream without any line break stops at the limit, goes on counting, and says so", () => {
  const reassembly = createReassembly("chat", SSE, { eventBytes: 100_000 });
  const chunk = Buffer.from(`data: ${"x".repeat(9_994)}`);
  for (let round = 0; round < 30; round += 1) reassembly.push(chunk);
  expect(reassembly.isFull).toBe(true);
  expect(reassembly.terminalStart).toBe(true);
  reassembly.push(Buffer.from(event({ choices: [{ delta: { content: "late" } }] })));
  const { raw, faults } = reassembly.finish();
  expect(raw.bytes).toBeGreaterThan(300_000);
  expect(faults).toEqual(["event-too-long"]);
});

test.each([SSE, "application/json"])("an answer as %s stops at what may be kept of it", (contentType) => {
  const reassembly = createReassembly("native", contentType, { answerBytes: 10_000 });
  for (let round = 0; round < 300; round += 1)
    reassembly.push(Buffer.from(event({ index: round, content: "x".repeat(90) })));
  expect(reassembly.isFull).toBe(true);
  const { faults, content } = reassembly.finish();
  expect(faults).toContain("answer-too-long");
  expect(content.length).toBeLessThan(12_000);
});

test("an answer in one piece that is no JSON is kept and named, but for kinds that need not be", () => {
  for (const [kind, faults] of [
    ["chat", ["not-json"]],
    ["other", []],
  ] as const) {
    const reassembly = createReassembly(kind, "text/html");
    reassembly.push(Buffer.from("<html>"));
    const assembled = reassembly.finish();
    expect(Buffer.concat(assembled.content).toString()).toBe("<html>");
    expect(assembled.faults).toEqual(faults);
  }
});

test("an error answer in one piece is one", () => {
  const reassembly = createReassembly("chat", "application/json");
  reassembly.push(Buffer.from('{"error":{"code":400,"message":"no","type":"invalid_request_error"}}'));
  expect(reassembly.finish().isError).toBe(true);
});

function chunk(text: string): string {
  return `{"choices":[{"index":0,"delta":{"content":${JSON.stringify(text)}}}]}`;
}

function half(escape: string): string {
  return event(`{"choices":[{"index":0,"delta":{"content":"${escape}"}}]}`);
}

function textOfDeltas(kind: AnswerKind, pieces: readonly Uint8Array[]): ReadonlyMap<string, string> {
  const reassembly = createReassembly(kind, SSE);
  const texts = new Map<string, string>();
  for (const piece of pieces) {
    reassembly.push(piece);
    const delta: [string, string | unknown[]][] = JSON.parse(reassembly.takeDelta() ?? "[]");
    for (const [channel, grown] of delta) {
      const text = typeof grown === "string" ? grown : grown.map((one) => JSON.stringify(one)).join("");
      texts.set(channel, (texts.get(channel) ?? "") + text);
    }
  }
  return texts;
}
