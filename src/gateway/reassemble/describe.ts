/** What a record says of an answer beside its content. It is read from the answer's JSON, streamed or not. */
import type { Usage } from "../../audit/record.ts";
import { isObject, objectAt, objectsAt, textAt, type JsonObject } from "./json.ts";
import { addUsage, readNativeUsage, readTimings, readUsage } from "./usage.ts";

export type Description = {
  readonly finish: readonly string[];
  readonly usage?: Usage;
  readonly model?: string;
  /** Upstream reported an error in place of an answer or of its rest. */
  readonly isError: boolean;
};

export function describeAnswer(answer: unknown): Description {
  // llama-server answers several native prompts with an array.
  const parts: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
  const objects = parts.filter(isObject);
  const finish = objects.flatMap(finishOf);
  const usages = objects
    .map((object) => usageOf(object, finish.length > 0))
    .filter((one) => one !== undefined);
  const [first, ...others] = usages;
  const model = objects.map((object) => textAt(object, "model")).find((one) => one !== undefined);
  return {
    finish,
    isError: objects.some(isErrorAnswer),
    ...(first === undefined ? {} : { usage: others.reduce(addUsage, first) }),
    ...(model === undefined ? {} : { model }),
  };
}

/** OpenAI puts an object at `error`, Anthropic says so by type; a Responses answer in order has `"error":null`. */
export function isErrorAnswer(answer: JsonObject): boolean {
  return isObject(answer["error"]) || typeof answer["error"] === "string" || answer["type"] === "error";
}

function finishOf(answer: JsonObject): readonly string[] {
  if (answer["object"] === "response") return responseFinish(answer);
  const choices = objectsAt(answer, "choices").map((choice) => textAt(choice, "finish_reason"));
  const native = answer["stop"] === true ? textAt(answer, "stop_type") : undefined;
  return [...choices, textAt(answer, "stop_reason"), native].filter((one) => one !== undefined);
}

function responseFinish(answer: JsonObject): readonly string[] {
  const status = textAt(answer, "status");
  // One that never ended still says so of itself.
  if (status === undefined || status === "in_progress" || status === "queued") return [];
  const details = objectAt(answer, "incomplete_details");
  return [(details && textAt(details, "reason")) ?? status];
}

function usageOf(answer: JsonObject, isFinished: boolean): Usage | undefined {
  // A message that was cut off has counts from its beginning.
  if (answer["type"] === "message" && !isFinished) return undefined;
  const usage = objectAt(answer, "usage");
  const told = usage && readUsage(usage);
  if (told !== undefined) return told;
  const native = readNativeUsage(answer);
  if (native !== undefined) return native;
  // With timings_per_token, an answer that was cut off has them too: those count a part of it.
  const timings = isFinished ? objectAt(answer, "timings") : undefined;
  return timings && readTimings(timings);
}
