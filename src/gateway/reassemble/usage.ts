/**
 * Tokens as the record counts them: `input` with those that came from the cache, `cached` those alone. Anthropic's API counts
 * the cached ones beside `input_tokens`, the OpenAI APIs and llama-server's `tokens_evaluated` among them.
 */
import type { Usage } from "../../audit/record.ts";
import { countAt, isObject, objectAt, type JsonObject } from "./json.ts";

/** From the `usage` of any API; undefined where it does not count both sides. */
export function readUsage(usage: JsonObject): Usage | undefined {
  const prompt = countAt(usage, "prompt_tokens");
  // Embeddings and reranking have no output to count.
  if (prompt !== undefined) {
    const cached = cachedIn(usage, "prompt_tokens_details");
    return usageOf({ input: prompt, output: countAt(usage, "completion_tokens") ?? 0, cached });
  }
  const input = countAt(usage, "input_tokens");
  const output = countAt(usage, "output_tokens");
  if (input === undefined || output === undefined) return undefined;
  const read = countAt(usage, "cache_read_input_tokens");
  if (read === undefined) return usageOf({ input, output, cached: cachedIn(usage, "input_tokens_details") });
  const written = countAt(usage, "cache_creation_input_tokens") ?? 0;
  return usageOf({ input: input + read + written, output, cached: read });
}

/** From llama-server's `timings`, which it adds to a finished answer. */
export function readTimings(timings: JsonObject): Usage | undefined {
  const evaluated = countAt(timings, "prompt_n");
  const output = countAt(timings, "predicted_n");
  if (evaluated === undefined || output === undefined) return undefined;
  const cached = countAt(timings, "cache_n");
  return usageOf({ input: evaluated + (cached ?? 0), output, cached });
}

/** From a finished native answer. Its `tokens_cached` is something else: what the slot holds now. */
export function readNativeUsage(answer: JsonObject): Usage | undefined {
  const input = countAt(answer, "tokens_evaluated");
  const output = countAt(answer, "tokens_predicted");
  if (answer["stop"] !== true || input === undefined || output === undefined) return undefined;
  const timings = objectAt(answer, "timings");
  return usageOf({ input, output, cached: timings && countAt(timings, "cache_n") });
}

export function addUsage(a: Usage, b: Usage): Usage {
  const cached =
    a.cached === undefined && b.cached === undefined ? undefined : (a.cached ?? 0) + (b.cached ?? 0);
  return usageOf({ input: a.input + b.input, output: a.output + b.output, cached });
}

/** One object as it is; of several, the sum of every count in them. */
export function sumOfUsage(usages: readonly JsonObject[]): JsonObject | undefined {
  const [first, ...others] = usages;
  return first === undefined ? undefined : others.reduce(sumOfTwo, first);
}

function sumOfTwo(a: JsonObject, b: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.keys({ ...a, ...b }).map((key) => {
      const [x, y] = [a[key], b[key]];
      if (typeof x === "number" && typeof y === "number") return [key, x + y];
      if (isObject(x) && isObject(y)) return [key, sumOfTwo(x, y)];
      return [key, x ?? y];
    }),
  );
}

function cachedIn(usage: JsonObject, key: string): number | undefined {
  const details = objectAt(usage, key);
  return details && countAt(details, "cached_tokens");
}

function usageOf(counts: {
  readonly input: number;
  readonly output: number;
  readonly cached: number | undefined;
}): Usage {
  const { input, output, cached } = counts;
  return cached === undefined ? { input, output } : { input, output, cached };
}
