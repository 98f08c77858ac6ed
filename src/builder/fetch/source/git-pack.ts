/** Finds one object in a pack through its index, version 2 (gitformat-pack(5)). */
import { inflateSync } from "node:zlib";
import { gitMalformed, type ObjectKind } from "./git-object.ts";

const INDEX_MAGIC = 0xff744f63;
const FANOUT_START = 8;
const NAMES_START = FANOUT_START + 256 * 4;
const ID_BYTES = 20;
const KINDS: Readonly<Record<number, ObjectKind>> = { 1: "commit", 2: "tree", 3: "blob" };
/** A commit object is a page of text; more than this is not one. */
const MAX_OBJECT_BYTES = 1 << 20;

export type PackRange = { readonly offset: number; readonly sizeBytes: number };

/** Where in the pack the object lies; undefined where this pack does not hold it. Throws GIT_MALFORMED (integrity). */
export function findInIndex(index: Buffer, id: string, packBytes: number): PackRange | undefined {
  if (index.length < NAMES_START + 2 * ID_BYTES || index.readUInt32BE(0) !== INDEX_MAGIC)
    throw gitMalformed("Cannot read a pack's index: it does not start as one");
  const version = index.readUInt32BE(4);
  if (version !== 2) throw gitMalformed(`Cannot read a pack's index: version ${version}, expected 2`);
  const count = index.readUInt32BE(NAMES_START - 4);
  const offsetsStart = NAMES_START + count * (ID_BYTES + 4);
  if (index.length < offsetsStart + count * 4 + 2 * ID_BYTES)
    throw gitMalformed(`Cannot read a pack's index: it is cut short, expected ${count} objects`);

  const wanted = Buffer.from(id, "hex");
  const position = range(count).find((at) =>
    wanted.equals(index.subarray(NAMES_START + at * ID_BYTES, NAMES_START + (at + 1) * ID_BYTES)),
  );
  if (position === undefined) return undefined;
  const offsets = range(count).map((at) => offsetAt(index, { offsetsStart, count, at }));
  const offset = offsets[position] ?? 0;
  const end = offsets.reduce(
    (nearest, other) => (other > offset && other < nearest ? other : nearest),
    packBytes - ID_BYTES,
  );
  if (end <= offset)
    throw gitMalformed(`Cannot read a pack: its index points to byte ${offset}, beyond its end`);
  return { offset, sizeBytes: end - offset };
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}

/** Four bytes; with the first bit set, the place of eight bytes in a second table. */
function offsetAt(index: Buffer, table: { offsetsStart: number; count: number; at: number }): number {
  const short = index.readUInt32BE(table.offsetsStart + table.at * 4);
  if (short < 0x80000000) return short;
  const place = table.offsetsStart + table.count * 4 + (short - 0x80000000) * 8;
  if (place + 8 > index.length - 2 * ID_BYTES)
    throw gitMalformed("Cannot read a pack's index: an offset lies beyond its end");
  return Number(index.readBigUInt64BE(place));
}

/** The object whose bytes start here. Throws GIT_MALFORMED (integrity), also for one that is stored as a delta. */
export function readPackedObject(bytes: Buffer): { readonly kind: ObjectKind; readonly content: Buffer } {
  let at = 0;
  let byte = bytes.readUInt8(at);
  const type = (byte >> 4) & 7;
  let sizeBytes = byte & 15;
  for (let factor = 16; (byte & 0x80) !== 0; factor *= 128) {
    at += 1;
    if (at >= bytes.length || at > 8) throw gitMalformed("Cannot read a packed object: its size never ends");
    byte = bytes.readUInt8(at);
    sizeBytes += (byte & 0x7f) * factor;
  }
  const kind = KINDS[type];
  if (kind === undefined)
    throw gitMalformed(
      `Cannot read a packed object: it is ${type === 6 || type === 7 ? "stored as a delta" : `of type ${type}`}, expected a whole one`,
    );
  const content = inflateObject(bytes.subarray(at + 1));
  if (content.length !== sizeBytes)
    throw gitMalformed(`Cannot read a packed object: ${content.length} bytes, expected ${sizeBytes}`);
  return { kind, content };
}

/** Throws GIT_MALFORMED (integrity) where the bytes are no zlib stream, or a longer one than any commit. */
export function inflateObject(bytes: Uint8Array): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_OBJECT_BYTES });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw gitMalformed(`Cannot inflate a git object: ${error.message}`);
  }
}
