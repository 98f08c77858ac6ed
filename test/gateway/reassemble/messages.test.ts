import { expect, test } from "vitest";
import { createReassembly } from "../../../src/gateway/reassemble/reassembly.ts";
import { assemble, contentOf, event, SSE } from "./assemble.ts";

function events(...all: readonly ({ readonly type: string } & Record<string, unknown>)[]): string {
  return all.map((one) => event(one, one.type)).join("");
}

const START = {
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    content: [],
    model: "demo",
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 5, cache_read_input_tokens: 2, output_tokens: 0 },
  },
};
const END = [
  {
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { output_tokens: 9 },
  },
  { type: "message_stop" },
];
const start = (index: number, content_block: object) => ({
  type: "content_block_start",
  index,
  content_block,
});
const delta = (index: number, inner: object) => ({ type: "content_block_delta", index, delta: inner });

test("thinking, text and a tool's input become one message", () => {
  const assembled = assemble(
    "messages",
    events(
      START,
      { type: "ping" },
      start(0, { type: "thinking", thinking: "" }),
      delta(0, { type: "thinking_delta", thinking: "th" }),
      delta(0, { type: "thinking_delta", thinking: "ink" }),
      delta(0, { type: "signature_delta", signature: "" }),
      { type: "content_block_stop", index: 0 },
      start(1, { type: "text", text: "" }),
      delta(1, { type: "text_delta", text: "Hi" }),
      delta(1, { type: "citations_delta", citation: { cited_text: "c" } }),
      start(2, { type: "tool_use", id: "toolu_1", name: "read", input: {} }),
      delta(2, { type: "input_json_delta", partial_json: "" }),
      delta(2, { type: "input_json_delta", partial_json: '{"path":' }),
      delta(2, { type: "input_json_delta", partial_json: '"a"}' }),
      ...END,
    ),
  );
  expect(contentOf(assembled)).toEqual({
    ...START.message,
    stop_reason: "tool_use",
    usage: { ...START.message.usage, output_tokens: 9 },
    content: [
      { type: "thinking", thinking: "think", signature: "" },
      { type: "text", text: "Hi", citations: [{ cited_text: "c" }] },
      { type: "tool_use", id: "toolu_1", name: "read", input: { path: "a" } },
    ],
  });
  expect(assembled).toMatchObject({
    usage: { input: 7, output: 9, cached: 2 },
    finish: ["tool_use"],
    faults: [],
    raw: { frames: 16 },
  });
});

test("a tool without input has an empty one", () => {
  const assembled = assemble(
    "messages",
    events(
      START,
      start(0, { type: "tool_use", id: "t", name: "now", input: {} }),
      delta(0, { type: "input_json_delta", partial_json: "" }),
      ...END,
    ),
  );
  expect(contentOf(assembled, "content")).toEqual([{ type: "tool_use", id: "t", name: "now", input: {} }]);
  expect(assembled.faults).toEqual([]);
});

test("a block that begins on an index that is taken is one more block", () => {
  const assembled = assemble(
    "messages",
    events(
      START,
      start(0, { type: "tool_use", id: "t", name: "read" }),
      delta(0, { type: "input_json_delta", partial_json: "{}" }),
      start(0, { type: "text", text: "" }),
      delta(0, { type: "text_delta", text: "late" }),
      ...END,
    ),
  );
  expect(contentOf(assembled, "content")).toMatchObject([{ input: {} }, { text: "late" }]);
});

test("a message that is cut off has its text, its broken input as text, and no counts", () => {
  const assembled = assemble(
    "messages",
    events(
      START,
      start(0, { type: "tool_use", id: "t", name: "read" }),
      delta(0, { type: "input_json_delta", partial_json: '{"pa' }),
    ),
  );
  expect(contentOf(assembled, "content")).toMatchObject([{ name: "read", partial_json: '{"pa' }]);
  expect(assembled.usage).toBeUndefined();
  expect(assembled.finish).toEqual([]);
});

test("names of tools and their input come in the deltas", () => {
  const reassembly = createReassembly("messages", SSE);
  reassembly.push(
    Buffer.from(
      events(START, start(0, { type: "tool_use", id: "t", name: "read" }), delta(0, { partial_json: "{}" })),
    ),
  );
  expect(reassembly.takeDelta()).toBe('[["content.0.name","read"],["content.0.partial_json","{}"]]');
});
