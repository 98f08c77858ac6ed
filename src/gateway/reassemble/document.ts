/** One JSON document out of channels and of fields that are JSON text already. */
import type { Channel } from "./transcript.ts";

/** JSON text, a channel, or an array or object of such. */
export type Part = string | Channel | readonly Part[] | ReadonlyMap<string, Part>;

export function encodeDocument(part: Part): Uint8Array {
  return Buffer.concat(Array.from(piecesOf(part)));
}

function* piecesOf(part: Part): Generator<Uint8Array> {
  if (typeof part === "string") yield Buffer.from(part);
  else if (isMap(part)) yield* objectPieces(part);
  else if (isList(part)) yield* listPieces(part);
  else yield* channelPieces(part);
}

function* objectPieces(fields: ReadonlyMap<string, Part>): Generator<Uint8Array> {
  let before = "{";
  for (const [key, part] of fields) {
    yield Buffer.from(`${before}${JSON.stringify(key)}:`);
    yield* piecesOf(part);
    before = ",";
  }
  yield Buffer.from(fields.size === 0 ? "{}" : "}");
}

function* listPieces(parts: readonly Part[]): Generator<Uint8Array> {
  let before = "[";
  for (const part of parts) {
    yield Buffer.from(before);
    yield* piecesOf(part);
    before = ",";
  }
  yield Buffer.from(parts.length === 0 ? "[]" : "]");
}

function* channelPieces({ kind, bytes }: Channel): Generator<Uint8Array> {
  yield Buffer.from(kind === "text" ? '"' : "[");
  yield* bytes.pieces(0);
  yield Buffer.from(kind === "text" ? '"' : "]");
}

function isMap(part: Exclude<Part, string>): part is ReadonlyMap<string, Part> {
  return part instanceof Map;
}

function isList(part: Channel | readonly Part[]): part is readonly Part[] {
  return Array.isArray(part);
}
