import type { Cursor } from "./cursor.ts";
import { malformed } from "./malformed.ts";

/** Scalars and strings are kept; arrays (vocabularies, merges) are walked over and leave their length. */
type MetadataValue =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "array"; readonly count: number };

export type Metadata = ReadonlyMap<string, MetadataValue>;

const MAX_KEYS = 10_000;
const MAX_KEY_BYTES = 65_535;
/** Chat templates are the longest strings seen, some tens of kilobytes. */
const MAX_TEXT_BYTES = 16 << 20;
const MAX_DEPTH = 2;

const STRING = 8;
const ARRAY = 9;
/** Type number of each fixed-size scalar -> its bytes. */
const SCALAR_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const U32 = 4;
const U64 = 10;

/** Throws GGUF_MALFORMED (integrity): also for a key that stands twice, which readers resolve differently. */
export async function readMetadata(path: string, cursor: Cursor, count: number): Promise<Metadata> {
  if (count > MAX_KEYS) throw malformed(path, `it declares ${count} metadata keys`, `at most ${MAX_KEYS}`);
  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < count; index += 1) {
    const key = await cursor.text(`metadata key ${index + 1}`, MAX_KEY_BYTES);
    if (metadata.has(key)) throw malformed(path, `metadata key "${show(key)}" stands twice`, "each key once");
    const what = `the value of "${show(key)}"`;
    const type = await cursor.u32(what);
    metadata.set(key, await readValue({ path, cursor, what }, type, 0));
  }
  return metadata;
}

type Place = { readonly path: string; readonly cursor: Cursor; readonly what: string };

async function readValue(place: Place, type: number, depth: number): Promise<MetadataValue> {
  const { cursor, what } = place;
  if (type === STRING) return { kind: "text", value: await cursor.text(what, MAX_TEXT_BYTES) };
  if (type === ARRAY) return { kind: "array", count: await skipArray(place, depth) };
  if (type === U32) return { kind: "number", value: await cursor.u32(what) };
  if (type === U64) return { kind: "number", value: await cursor.u64(what) };
  cursor.skip(sizeOf(place, type), what);
  return { kind: "number", value: Number.NaN };
}

async function skipArray(place: Place, depth: number): Promise<number> {
  const { path, cursor, what } = place;
  const type = await cursor.u32(what);
  const count = await cursor.u64(`the length of ${what}`);
  if (type === ARRAY) {
    if (depth + 1 >= MAX_DEPTH)
      throw malformed(path, `${what} holds arrays of arrays of arrays`, "fewer levels");
    assertRoom(place, count, 12);
    for (let index = 0; index < count; index += 1) await skipArray(place, depth + 1);
  } else if (type === STRING) {
    assertRoom(place, count, 8);
    for (let index = 0; index < count; index += 1)
      cursor.skip(await cursor.u64(`the length of an item of ${what}`), what);
  } else {
    const itemBytes = sizeOf(place, type);
    assertRoom(place, count, itemBytes);
    cursor.skip(count * itemBytes, what);
  }
  return count;
}

function assertRoom({ path, cursor, what }: Place, count: number, itemBytes: number): void {
  if (count > cursor.remaining() / itemBytes)
    throw malformed(path, `${what} declares ${count} items`, `at most what ${cursor.remaining()} bytes hold`);
}

function sizeOf({ path, what }: Place, type: number): number {
  const size = SCALAR_BYTES[type];
  if (size === undefined) throw malformed(path, `${what} has type ${type}`, "one of the types 0 to 12");
  return size;
}

/** A name from a file, fit for a message. */
function show(text: string): string {
  return text.slice(0, 80).replaceAll(/\p{Cc}/gu, "?");
}
