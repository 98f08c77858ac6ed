/** Writes GGUF version 3 in one pass, streamed: the same model gives the same bytes everywhere. Layout as in read.ts. */
import { padded } from "./tensors.ts";
import { tensorType } from "./tensor-types.ts";

/** One metadata pair; the order is the file's. Arrays are of one type. */
export type Pair = readonly [key: string, value: PairValue];
type PairValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly f32s: readonly number[] }
  | { readonly i32s: readonly number[] };

export type WrittenTensor = {
  readonly name: string;
  /** GGUF's number of the type. */
  readonly type: 0 | 2;
  /** Row length first. */
  readonly shape: readonly number[];
  readonly data: () => Iterable<Uint8Array>;
};

export type GgufModel = { readonly pairs: readonly Pair[]; readonly tensors: readonly WrittenTensor[] };

export const F32 = 0;
export const Q4_0 = 2;
export const ALIGNMENT = 32;

export function* writeGguf(model: GgufModel): Generator<Uint8Array> {
  const header = encodeHeader(model);
  yield header;
  yield* padding(header.length);
  for (const tensor of model.tensors) {
    let written = 0;
    for (const chunk of tensor.data()) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== tensorBytes(tensor)) throw new Error(`Tensor ${tensor.name}: ${written} bytes`);
    yield* padding(written);
  }
}

export function tensorBytes({ type, shape }: Pick<WrittenTensor, "type" | "shape">): number {
  const layout = tensorType(type);
  if (layout === undefined) throw new Error(`No tensor type ${type}`);
  return (shape.reduce((product, length) => product * length, 1) / layout.blockWeights) * layout.blockBytes;
}

function encodeHeader({ pairs, tensors }: GgufModel): Uint8Array {
  let offset = 0;
  const table = tensors.map((tensor) => {
    const entry = [
      text(tensor.name),
      u32(tensor.shape.length),
      ...tensor.shape.map(u64),
      u32(tensor.type),
      u64(offset),
    ];
    offset = padded(offset + tensorBytes(tensor), ALIGNMENT);
    return Buffer.concat(entry);
  });
  const counts = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(pairs.length)];
  return Buffer.concat([...counts, ...pairs.map(([key, value]) => encodePair(key, value)), ...table]);
}

function encodePair(key: string, value: PairValue): Uint8Array {
  return Buffer.concat([text(key), encodeValue(value)]);
}

function encodeValue(value: PairValue): Uint8Array {
  if ("u32" in value) return Buffer.concat([u32(4), u32(value.u32)]);
  if ("f32" in value) return Buffer.concat([u32(6), f32s([value.f32])]);
  if ("bool" in value) return Buffer.concat([u32(7), Uint8Array.of(value.bool ? 1 : 0)]);
  if ("text" in value) return Buffer.concat([u32(8), text(value.text)]);
  if ("texts" in value) return array(8, value.texts.length, value.texts.map(text));
  if ("f32s" in value) return array(6, value.f32s.length, [f32s(value.f32s)]);
  return array(5, value.i32s.length, value.i32s.map(i32));
}

function array(type: number, count: number, items: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([u32(9), u32(type), u64(count), ...items]);
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function i32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function f32s(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes;
}

function* padding(written: number): Generator<Uint8Array> {
  const missing = padded(written, ALIGNMENT) - written;
  if (missing > 0) yield new Uint8Array(missing);
}
