/** What the vendors' own clients make of the same streams. */
import { MessageStream } from "@anthropic-ai/sdk/lib/MessageStream";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";
import { expect, test } from "vitest";
import { assemble, chatChunk, contentOf, event } from "./assemble.ts";
import { CHAT_STREAM, MESSAGES_STREAM } from "./samples.ts";

const TOOLS_STREAM =
  chatChunk({ role: "assistant", content: null }) +
  chatChunk({ content: "Grüße " }) +
  chatChunk({ content: "🎉" }) +
  chatChunk({
    tool_calls: [{ index: 0, id: "a", type: "function", function: { name: "read", arguments: "" } }],
  }) +
  chatChunk({ tool_calls: [{ index: 0, function: { arguments: '{"path":' } }] }) +
  chatChunk({
    tool_calls: [{ index: 1, id: "b", type: "function", function: { name: "write", arguments: "{" } }],
  }) +
  chatChunk({ tool_calls: [{ index: 0, function: { arguments: '"a"}' } }] }) +
  chatChunk({ tool_calls: [{ index: 1, function: { arguments: "}" } }] }, { finish_reason: "tool_calls" }) +
  event("[DONE]");

test.each([
  ["recorded", CHAT_STREAM],
  ["tool calls", TOOLS_STREAM],
])("chat, %s: the openai package finds the same message", async (_, stream) => {
  const theirs = await ChatCompletionStream.fromReadableStream(linesOf(stream)).finalMessage();
  const { content, tool_calls } = theirs;
  const ours = contentOf(assemble("chat", stream), "choices", 0, "message");
  expect(ours).toMatchObject({
    content,
    ...(tool_calls === undefined ? {} : { tool_calls: lasting(tool_calls) }),
  });
});

const THINKING_STREAM = [
  {
    type: "message_start",
    message: {
      id: "m",
      type: "message",
      role: "assistant",
      content: [],
      model: "demo",
      usage: { input_tokens: 1, output_tokens: 0 },
    },
  },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
  { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s" } },
  { type: "content_block_stop", index: 0 },
  {
    type: "content_block_start",
    index: 1,
    content_block: { type: "tool_use", id: "t", name: "read", input: {} },
  },
  { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '{"path":' } },
  { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '"a"}' } },
  { type: "content_block_stop", index: 1 },
  {
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { output_tokens: 4 },
  },
  { type: "message_stop" },
]
  .map((one) => event(one, one.type))
  .join("");

test.each([
  ["recorded", MESSAGES_STREAM],
  ["thinking and a tool", THINKING_STREAM],
])("messages, %s: the Anthropic package finds the same message", async (_, stream) => {
  const theirs = await MessageStream.fromReadableStream(linesOf(stream)).finalMessage();
  const { content, stop_reason, usage } = theirs;
  expect(contentOf(assemble("messages", stream))).toMatchObject(lasting({ content, stop_reason, usage }));
});

/** Their readers take one JSON text a line. */
function linesOf(stream: string): ReadableStream {
  const lines = Array.from(stream.matchAll(/^data: (\{.*)$/gm), ([, line = ""]) => `${line}\n`);
  return new Blob(lines).stream();
}

function lasting<T extends object>(value: T): T {
  const copy: T = JSON.parse(JSON.stringify(value));
  return copy;
}
