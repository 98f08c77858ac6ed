/** The same calls, once to llama-server itself and once through the gateway: what may not differ between the two. */
import { expect } from "vitest";
import type { Model } from "./clients-model.ts";

/** Of each answer: identities and times, which differ between two calls of the same server as well. */
const VOLATILE = new Set([
  "id",
  "call_id",
  "item_id",
  "created",
  "created_at",
  "completed_at",
  "timings",
  "_request_id",
  // What the server's cache held depends on the call before.
  "cached_tokens",
  "cache_read_input_tokens",
  "input_tokens_details",
  "prompt_tokens_details",
]);

/** Runs it against both and returns what came through the gateway, which is what came from the server itself. */
export async function sameThrough<T>(model: Model, call: (origin: string) => Promise<T>): Promise<T> {
  const direct = await call(`http://127.0.0.1:${model.directPort}`);
  const through = await call(`http://127.0.0.1:${model.gateway.port}`);
  expect(stable(through)).toEqual(stable(direct));
  return through;
}

function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stable);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => !VOLATILE.has(name));
  return Object.fromEntries(entries.map(([name, part]) => [name, stable(part)]));
}

export async function collect<T>(events: AsyncIterable<T>): Promise<readonly T[]> {
  return await Array.fromAsync(events);
}
