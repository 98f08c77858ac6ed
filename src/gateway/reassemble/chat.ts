/** Chunks of chat/completions and of completions: one answer for each index of `choices`. Both end with `[DONE]`. */
import type { Part } from "./document.ts";
import { createMerge, type Fields, type MergeRules } from "./fields.ts";
import type { Format } from "./format.ts";
import { countAt, objectAt, objectsAt, type JsonObject } from "./json.ts";
import { createToolCalls, type ToolCalls } from "./tool-calls.ts";
import type { Transcript } from "./transcript.ts";
import { sumOfUsage } from "./usage.ts";

type Choice = {
  readonly fields: Fields;
  readonly message: Fields;
  readonly toolCalls: ToolCalls;
  readonly functionCall: Fields;
};

/** `prompt_progress` says how far reading the prompt is: no answer has it. */
const HEAD_APART: ReadonlySet<string> = new Set(["choices", "object", "usage", "error", "prompt_progress"]);
const CHOICE_APART: ReadonlySet<string> = new Set(["index", "delta"]);
const DELTA_APART: ReadonlySet<string> = new Set(["tool_calls", "function_call"]);
const LOGPROBS: ReadonlySet<string> = new Set(["logprobs"]);
/** Fields of a delta that come whole, and come again. */
const WHOLE: ReadonlySet<string> = new Set(["role", "id", "name", "type"]);

export function createChat(transcript: Transcript, object: "chat.completion" | "text_completion"): Format {
  const merge = createMerge(transcript);
  const head: Fields = new Map<string, string>();
  const choices = new Map<number, Choice>();
  /** llama-server counts each of several answers by itself: in a chunk without choices where it was asked to, else in the choice's last. */
  const totals: JsonObject[] = [];
  const usages = new Map<number, JsonObject>();

  function choiceAt(index: number): Choice {
    const known = choices.get(index);
    if (known !== undefined) return known;
    const choice: Choice = {
      fields: new Map<string, string>(),
      message: new Map<string, string>(),
      toolCalls: createToolCalls(transcript, `choices.${index}.tool_calls`),
      functionCall: new Map<string, string>(),
    };
    choices.set(index, choice);
    transcript.charge(CHOICE_BYTES);
    return choice;
  }

  function readChoice(source: JsonObject, index: number): void {
    const at = `choices.${index}`;
    const choice = choiceAt(index);
    merge(choice.fields, source, {
      at,
      pieces: (key) => key === "text",
      inner: LOGPROBS,
      skip: CHOICE_APART,
    });
    const delta = objectAt(source, "delta");
    if (delta === undefined) return;
    const rules: MergeRules = { at, pieces: (key) => !WHOLE.has(key), skip: DELTA_APART };
    merge(choice.message, delta, rules);
    choice.toolCalls.add(objectsAt(delta, "tool_calls"));
    const call = objectAt(delta, "function_call");
    if (call !== undefined)
      merge(choice.functionCall, call, { at: `${at}.function_call`, pieces: () => true });
  }

  return {
    read({ data }) {
      merge(head, data, { at: "head", pieces: () => false, skip: HEAD_APART });
      const sources = objectsAt(data, "choices");
      const indices = sources.map((source, position) => countAt(source, "index") ?? position);
      for (const [position, source] of sources.entries()) readChoice(source, indices[position] ?? position);
      const [index] = indices;
      const usage = objectAt(data, "usage");
      if (usage !== undefined && index === undefined) totals.push(usage);
      else if (usage !== undefined && index !== undefined) usages.set(index, usage);
      return false;
    },
    document() {
      const document = new Map<string, Part>([["object", JSON.stringify(object)], ...head]);
      const listed = Array.from(choices).sort(([a], [b]) => a - b);
      document.set(
        "choices",
        listed.map(([index, choice]) =>
          choiceDocument({ index, choice, isChat: object === "chat.completion" }),
        ),
      );
      const total = sumOfUsage(totals) ?? sumOfUsage(Array.from(usages.values()));
      if (total !== undefined) document.set("usage", JSON.stringify(total));
      return document;
    },
  };
}

const CHOICE_BYTES = 1_024;

function choiceDocument({
  index,
  choice,
  isChat,
}: {
  readonly index: number;
  readonly choice: Choice;
  readonly isChat: boolean;
}): Part {
  const document = new Map<string, Part>([["index", String(index)]]);
  if (isChat) document.set("message", messageDocument(choice));
  for (const [key, part] of choice.fields) document.set(key, part);
  return document;
}

function messageDocument({ message, toolCalls, functionCall }: Choice): Part {
  const document = new Map<string, Part>([["role", '"assistant"'], ["content", "null"], ...message]);
  if (toolCalls.count > 0) document.set("tool_calls", toolCalls.document());
  if (functionCall.size > 0) document.set("function_call", functionCall);
  return document;
}
