/** One JSON document out of channels and of fields that are JSON text already. */
import type { Channel } from "./transcript.ts";

/** JSON text, a channel, or an array or object of such. */
export type Part = string | Channel | readonly Part[] | ReadonlyMap<string, Part>;

/** In pieces, of which those of a channel are its own bytes and no copy. */
export function encodeDocument(part: Part): readonly Uint8Array[] {
  return Array.from(tokensOf(part)).flatMap((token) =>
    typeof token === "string" ? Buffer.from(token) : token.bytes.pieces(0),
  );
}

/** The same document with every channel empty: what is said of an answer stands in none, and its text is not read again for it. */
export function outlineOf(part: Part): string {
  return Array.from(tokensOf(part), (token) => (typeof token === "string" ? token : "")).join("");
}

function* tokensOf(part: Part): Generator<string | Channel> {
  if (typeof part === "string") yield part;
  else if (isMap(part)) yield* objectTokens(part);
  else if (isList(part)) yield* listTokens(part);
  else yield* channelTokens(part);
}

function* objectTokens(fields: ReadonlyMap<string, Part>): Generator<string | Channel> {
  let before = "{";
  for (const [key, part] of fields) {
    yield `${before}${JSON.stringify(key)}:`;
    yield* tokensOf(part);
    before = ",";
  }
  yield fields.size === 0 ? "{}" : "}";
}

function* listTokens(parts: readonly Part[]): Generator<string | Channel> {
  let before = "[";
  for (const part of parts) {
    yield before;
    yield* tokensOf(part);
    before = ",";
  }
  yield parts.length === 0 ? "[]" : "]";
}

function* channelTokens(channel: Channel): Generator<string | Channel> {
  yield channel.kind === "text" ? '"' : "[";
  yield channel;
  yield channel.kind === "text" ? '"' : "]";
}

function isMap(part: Exclude<Part, string>): part is ReadonlyMap<string, Part> {
  return part instanceof Map;
}

function isList(part: Channel | readonly Part[]): part is readonly Part[] {
  return Array.isArray(part);
}
