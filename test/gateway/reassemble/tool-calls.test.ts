import { expect, test } from "vitest";
import { createReassembly } from "../../../src/gateway/reassemble/reassembly.ts";
import { assemble, chatChunk, contentOf, event, SSE } from "./assemble.ts";

type Fragment = {
  readonly id?: string | null;
  readonly index?: number;
  readonly type?: string;
  readonly function?: { readonly name?: string; readonly arguments?: unknown };
};

/** Each inner list is the `tool_calls` of one chunk. */
function callsOf(...chunks: readonly (readonly Fragment[])[]): readonly unknown[] {
  const assembled = assemble(
    "chat",
    chunks.map((tool_calls) => chatChunk({ tool_calls })).join("") + event("[DONE]"),
  );
  expect(assembled.faults).toEqual([]);
  const calls = contentOf(assembled, "choices", 0, "message", "tool_calls");
  if (!Array.isArray(calls)) throw new Error("No tool calls");
  return calls.map((_, index) =>
    [["id"], ["function", "name"], ["function", "arguments"]].map((path) =>
      contentOf(assembled, "choices", 0, "message", "tool_calls", index, ...path),
    ),
  );
}

function head(id: string | undefined, name: string, more: Fragment = {}): Fragment {
  return {
    ...(id === undefined ? {} : { id }),
    type: "function",
    ...more,
    function: { name, arguments: "" },
  };
}

function rest(text: string, more: Fragment = {}): Fragment {
  return { ...more, function: { arguments: text } };
}

function whole(id: string, name: string, text: string): Fragment {
  return { id, index: 0, function: { name, arguments: text } };
}

function wholeRead(path: string): Fragment {
  return { index: 0, function: { name: "read", arguments: `{"path":"${path}"}` } };
}

function logprobs(token: string): object {
  return { logprobs: { content: [{ token, logprob: 0 }] } };
}

const A = ["a", "read", '{"path":"a"}'];
const B = ["b", "write", '{"path":"b"}'];

test("as the API says: index, and the id in the first delta only (openai/codex 7517)", () => {
  expect(
    callsOf(
      [head("a", "read", { index: 0 })],
      [rest('{"path":', { index: 0 })],
      [rest('"a"}', { index: 0 })],
      [head("b", "write", { index: 1 })],
      [rest('{"path":"b"}', { index: 1 })],
    ),
  ).toEqual([A, B]);
});

test("fragments of two calls that alternate (continuedev/continue 13223)", () => {
  expect(
    callsOf(
      [head("a", "read", { index: 0 }), head("b", "write", { index: 1 })],
      [rest('{"path":', { index: 0 })],
      [rest('{"path":', { index: 1 })],
      [rest('"a"}', { index: 0 })],
      [rest('"b"}', { index: 1 })],
    ),
  ).toEqual([A, B]);
});

test("index omitted everywhere, one call a chunk (SamSaffron/term-llm 314)", () => {
  expect(
    callsOf(
      [head("a", "read")],
      [rest('{"path":'), rest('"a"}')].slice(0, 1),
      [rest('"a"}')],
      [head("b", "write")],
      [rest('{"path":"b"}')],
    ),
  ).toEqual([A, B]);
});

test("index omitted everywhere, both calls in each chunk", () => {
  expect(
    callsOf(
      [head("a", "read"), head("b", "write")],
      [rest('{"path":'), rest('{"path":')],
      [rest('"a"}'), rest('"b"}')],
    ),
  ).toEqual([A, B]);
});

test("two entries with the same index in one chunk are one call (openai/openai-python 3201, 3203)", () => {
  expect(
    callsOf([head("a", "read", { index: 0 }), rest('{"path":', { index: 0 })], [rest('"a"}', { index: 0 })]),
  ).toEqual([A]);
});

test("a second call that comes on index 0 as well, its rest on index 1 (agno-agi/agno 8879)", () => {
  expect(
    callsOf(
      [head("a", "read", { index: 0 })],
      [rest('{"path":"a"}', { index: 0 })],
      [{ ...head("b", "write", { index: 0 }), function: { name: "write", arguments: '{"pa' } }],
      [rest('th":"b"}', { index: 1 })],
    ),
  ).toEqual([A, B]);
});

test("every call on index 0, whole (vercel/ai 14277)", () => {
  expect(callsOf([whole("a", "read", '{"path":"a"}')], [whole("b", "write", '{"path":"b"}')])).toEqual([
    A,
    B,
  ]);
});

test("every call on index 0, the arguments behind their call's name", () => {
  expect(
    callsOf(
      [head("a", "read", { index: 0 })],
      [rest('{"path":"a"}', { index: 0 })],
      [head("b", "write", { index: 0 })],
      [rest('{"path":"b"}', { index: 0 })],
    ),
  ).toEqual([A, B]);
});

test("an index without an id (continuedev/continue 13225, 13235)", () => {
  expect(
    callsOf([head(undefined, "read", { index: 0 })], [rest('{"path":"a"}', { index: 0, id: null })]),
  ).toEqual([[undefined, ...A.slice(1)]]);
});

test("neither ids nor a second index: a name behind whole arguments begins another call", () => {
  expect(callsOf([wholeRead("a")], [wholeRead("b")])).toEqual([
    [undefined, "read", '{"path":"a"}'],
    [undefined, "read", '{"path":"b"}'],
  ]);
});

test("an id that comes after the first delta is its call's", () => {
  expect(
    callsOf([head(undefined, "read", { index: 0 })], [rest('{"path":"a"}', { index: 0, id: "a" })]),
  ).toEqual([A]);
});

test("an id repeated with every delta (vLLM; spring-projects/spring-ai 5973), even under a wrong index", () => {
  expect(
    callsOf(
      [head("a", "read", { index: 0 })],
      [rest('{"path":', { index: 0, id: "a" })],
      [rest('"a"}', { index: 3, id: "a" })],
    ),
  ).toEqual([A]);
});

test("a first delta without an index, the rest with one", () => {
  expect(
    callsOf([head("a", "read")], [rest('{"path":', { index: 0 })], [rest('"a"}', { index: 0 })]),
  ).toEqual([A]);
});

test("the name in pieces, the name repeated, arguments as an object", () => {
  expect(
    callsOf(
      [head("a", "re", { index: 0 })],
      [head("", "ad", { index: 0 })],
      [{ id: "b", index: 1, function: { name: "write", arguments: '{"path"' } }],
      [{ index: 1, function: { name: "write", arguments: ':"b"}' } }],
      [rest('{"path":"a"}', { index: 0 })],
      [{ id: "c", index: 2, function: { name: "f", arguments: { x: 1 } } }],
    ),
  ).toEqual([A, B, ["c", "f", '{"x":1}']]);
});

test("names and arguments come in the deltas", () => {
  const reassembly = createReassembly("chat", SSE);
  reassembly.push(Buffer.from(chatChunk({ tool_calls: [head("a", "read", { index: 0 })] })));
  reassembly.push(Buffer.from(chatChunk({ tool_calls: [rest('{"p', { index: 0 })] })));
  expect(reassembly.takeDelta()).toBe(
    String.raw`[["choices.0.tool_calls.0.name","read"],["choices.0.tool_calls.0.arguments","{\"p"]]`,
  );
});

test("reasoning, refusal, the old function_call, logprobs and unknown text are kept beside the content", () => {
  const assembled = assemble(
    "chat",
    chatChunk({ role: "assistant", content: null }) +
      chatChunk({ reasoning_content: "th" }) +
      chatChunk({ reasoning_content: "ink", reasoning: "r" }) +
      chatChunk({ reasoning_content: null }) +
      chatChunk({ content: "A" }, logprobs("A")) +
      chatChunk({ content: "B", refusal: "no" }, logprobs("B")) +
      chatChunk({ function_call: { name: "f", arguments: "{" } }) +
      chatChunk({ function_call: { arguments: "}" } }, { finish_reason: "function_call" }) +
      event("[DONE]"),
  );
  expect(contentOf(assembled, "choices", 0)).toEqual({
    index: 0,
    message: {
      role: "assistant",
      content: "AB",
      reasoning_content: "think",
      reasoning: "r",
      refusal: "no",
      function_call: { name: "f", arguments: "{}" },
    },
    finish_reason: "function_call",
    logprobs: {
      content: [
        { token: "A", logprob: 0 },
        { token: "B", logprob: 0 },
      ],
    },
  });
});
