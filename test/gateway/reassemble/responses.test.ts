import { expect, test } from "vitest";
import { createReassembly } from "../../../src/gateway/reassemble/reassembly.ts";
import { assemble, contentOf, event, SSE } from "./assemble.ts";
import { RESPONSES_STREAM } from "./samples.ts";

function events(...all: readonly ({ readonly type: string } & Record<string, unknown>)[]): string {
  return all.map((one) => event(one, one.type)).join("");
}

const MESSAGE = { id: "msg_1", type: "message", role: "assistant", status: "in_progress", content: [] };
const CALL = {
  id: "fc_1",
  type: "function_call",
  call_id: "call_1",
  name: "read",
  arguments: "",
  status: "in_progress",
};
const text = (delta: string, more: object = {}) => ({
  type: "response.output_text.delta",
  item_id: "msg_1",
  delta,
  ...more,
});

function completed(
  output: readonly unknown[],
  more: object = {},
): { type: string } & Record<string, unknown> {
  const response = {
    id: "resp_1",
    object: "response",
    status: "completed",
    model: "demo",
    error: null,
    output,
    ...more,
  };
  return { type: "response.completed", response };
}

function whole(textOfIt: string): unknown {
  return { ...MESSAGE, status: "completed", content: [{ type: "output_text", text: textOfIt }] };
}

test("the whole answer at the end is what is kept", () => {
  const last = completed([whole("Hello")]);
  const assembled = assemble(
    "responses",
    events({ type: "response.output_item.added", item: MESSAGE }, text("Hel"), text("lo"), last),
  );
  expect(contentOf(assembled)).toEqual(last["response"]);
  expect(assembled).toMatchObject({ faults: [], isError: false, finish: ["completed"] });
});

test("deltas that are not in the whole answer are kept beside it, and named", () => {
  const assembled = assemble(
    "responses",
    events(
      { type: "response.output_item.added", item: MESSAGE },
      text("Help"),
      text(" me"),
      completed([whole("Hello")]),
    ),
  );
  expect(assembled.faults).toEqual(["deltas-differ"]);
  expect(contentOf(assembled, "output", 0, "content", 0, "text")).toBe("Hello");
  expect(contentOf(assembled, "unmerged")).toEqual([{ "output.0.content.0.text": "Help me" }]);
});

test("a closed item that is not in the whole answer is kept beside it, and named", () => {
  const assembled = assemble(
    "responses",
    events(
      { type: "response.output_item.added", item: MESSAGE },
      text("Help"),
      { type: "response.output_item.done", item: whole("Help") },
      completed([]),
    ),
  );
  expect(assembled.faults).toEqual(["deltas-differ"]);
  expect(contentOf(assembled, "unmerged", 0, "output.0", "content", 0, "text")).toBe("Help");
});

test("a stream that is cut off has what came, in items of their own", () => {
  const assembled = assemble(
    "responses",
    events(
      {
        type: "response.created",
        response: { id: "resp_1", object: "response", status: "in_progress", model: "demo" },
      },
      {
        type: "response.output_item.added",
        output_index: 0,
        item: { id: "rs_1", type: "reasoning", summary: [] },
      },
      { type: "response.reasoning_text.delta", item_id: "rs_1", content_index: 0, delta: "think" },
      { type: "response.reasoning_summary_text.delta", item_id: "rs_1", summary_index: 0, delta: "sum" },
      { type: "response.output_item.added", output_index: 1, item: MESSAGE },
      text("one", { content_index: 0 }),
      text("two", { content_index: 1 }),
      { type: "response.refusal.delta", item_id: "msg_1", content_index: 2, delta: "no" },
      { type: "response.output_item.added", output_index: 2, item: CALL },
      { type: "response.function_call_arguments.delta", item_id: "fc_1", delta: '{"pa' },
    ),
  );
  expect(contentOf(assembled)).toMatchObject({
    id: "resp_1",
    output: [
      { type: "reasoning", content: [{ type: "reasoning_text", text: "think" }], summary: [{ text: "sum" }] },
      {
        type: "message",
        content: [
          { type: "output_text", text: "one" },
          { type: "output_text", text: "two" },
          { type: "refusal", refusal: "no" },
        ],
      },
      { type: "function_call", call_id: "call_1", name: "read", arguments: '{"pa' },
    ],
  });
  expect(assembled).toMatchObject({ finish: [], faults: [], model: "demo" });
});

test.each([
  ["by output_index alone", { output_index: 0 }, { output_index: 1 }],
  ["by item_id alone", { item_id: "fc_1" }, { item_id: "fc_2" }],
  [
    "by an item_id that no item has, with output_index",
    { item_id: "x", output_index: 0 },
    { item_id: "y", output_index: 1 },
  ],
])("arguments find their call %s (langchain-ai/langchainjs 9868)", (_, first, second) => {
  const assembled = assemble(
    "responses",
    events(
      { type: "response.output_item.added", output_index: 0, item: CALL },
      {
        type: "response.output_item.added",
        output_index: 1,
        item: { ...CALL, id: "fc_2", call_id: "call_2" },
      },
      { type: "response.function_call_arguments.delta", ...first, delta: "{1" },
      { type: "response.function_call_arguments.delta", ...second, delta: "{2" },
      { type: "response.function_call_arguments.delta", ...first, delta: "}" },
      { type: "response.function_call_arguments.delta", ...second, delta: "}" },
    ),
  );
  expect(contentOf(assembled, "output")).toMatchObject([
    { call_id: "call_1", arguments: "{1}" },
    { call_id: "call_2", arguments: "{2}" },
  ]);
});

test("arguments that name no call at all go to the last one", () => {
  const assembled = assemble(
    "responses",
    events(
      { type: "response.output_item.added", item: CALL },
      { type: "response.function_call_arguments.delta", delta: "{}" },
    ),
  );
  expect(contentOf(assembled, "output")).toMatchObject([{ call_id: "call_1", arguments: "{}" }]);
});

test("a text that comes only with its own end is kept; one that differs there is named", () => {
  const assembled = assemble(
    "responses",
    events(
      { type: "response.output_item.added", item: CALL },
      { type: "response.function_call_arguments.done", item_id: "fc_1", arguments: "{}" },
      { type: "response.function_call_arguments.done", item_id: "fc_1", arguments: "{1}" },
    ),
  );
  expect(contentOf(assembled)).toMatchObject({
    output: [{ arguments: "{}" }],
    unmerged: [{ "output.0.arguments": "{1}" }],
  });
  expect(assembled.faults).toEqual(["deltas-differ"]);
});

test.each([
  [
    "response.incomplete",
    { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } },
    ["max_output_tokens"],
    false,
  ],
  ["response.failed", { status: "failed", error: { code: "server_error", message: "no" } }, ["failed"], true],
] as const)("%s ends the answer", (...[type, more, finish, isError]) => {
  const reassembly = createReassembly("responses", SSE);
  reassembly.push(Buffer.from(events({ ...completed([], more), type })));
  expect(reassembly.sawTerminal()).toBe(true);
  expect(reassembly.finish()).toMatchObject({ finish, isError, faults: [] });
});

test("a recorded stream without its last event has the same text", () => {
  const cut = RESPONSES_STREAM.slice(0, RESPONSES_STREAM.indexOf("event: response.output_text.done"));
  const assembled = assemble("responses", cut);
  expect(contentOf(assembled, "output", 0, "content")).toEqual([{ type: "output_text", text: "Hello from" }]);
  expect(assembled.faults).toEqual([]);
});

test("names of calls and texts come in the deltas", () => {
  const reassembly = createReassembly("responses", SSE);
  reassembly.push(
    Buffer.from(
      events(
        { type: "response.output_item.added", item: CALL },
        { type: "response.function_call_arguments.delta", item_id: "fc_1", delta: "{}" },
      ),
    ),
  );
  expect(reassembly.takeDelta()).toBe('[["output.0.name","read"],["output.0.arguments","{}"]]');
});
