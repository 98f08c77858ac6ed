import type { Cursor } from "./cursor.ts";
import { malformed } from "./malformed.ts";
import { tensorType } from "./tensor-types.ts";

export type TensorSummary = {
  readonly count: number;
  readonly parameterCount: number;
  /** Type that takes the most bytes. */
  readonly quantisation: string;
  /** Bytes of tensor data after the header, with the padding between tensors. */
  readonly dataBytes: number;
};

type Tensor = {
  readonly name: string;
  readonly weights: number;
  readonly type: string;
  readonly sizeBytes: number;
};

const MAX_TENSORS = 200_000;
const MAX_DIMENSIONS = 4;
const MAX_NAME_BYTES = 64;

/**
 * Walks the tensor table. Each tensor begins where the one before it ended, padded to the alignment: llama.cpp refuses
 * anything else. Throws GGUF_MALFORMED (integrity).
 */
export async function readTensors(
  path: string,
  cursor: Cursor,
  { count, alignment }: { readonly count: number; readonly alignment: number },
): Promise<TensorSummary> {
  if (count > MAX_TENSORS) throw malformed(path, `it declares ${count} tensors`, `at most ${MAX_TENSORS}`);
  const names = new Set<string>();
  const bytesOfType = new Map<string, number>();
  let parameterCount = 0;
  let end = 0;
  for (let index = 0; index < count; index += 1) {
    const tensor = await readTensor(path, cursor, { index, start: padded(end, alignment) });
    if (names.has(tensor.name))
      throw malformed(path, `tensor "${tensor.name}" stands twice`, "each tensor once");
    names.add(tensor.name);
    parameterCount += tensor.weights;
    bytesOfType.set(tensor.type, (bytesOfType.get(tensor.type) ?? 0) + tensor.sizeBytes);
    end = padded(end, alignment) + tensor.sizeBytes;
    if (!Number.isSafeInteger(end))
      throw malformed(path, "its tensors are larger than any file", "smaller ones");
  }
  return { count, parameterCount, quantisation: largest(bytesOfType), dataBytes: end };
}

async function readTensor(
  path: string,
  cursor: Cursor,
  place: { readonly index: number; readonly start: number },
): Promise<Tensor> {
  const name = await cursor.text(`the name of tensor ${place.index + 1}`, MAX_NAME_BYTES);
  if (/\p{Cc}/u.test(name))
    throw malformed(path, `the name of tensor ${place.index + 1} is not text`, "text");
  const what = `tensor "${name}"`;
  const { rowWeights, weights } = await readShape(path, cursor, what);
  const id = await cursor.u32(what);
  const offset = await cursor.u64(`the offset of ${what}`);
  const type = tensorType(id);
  if (type === undefined) throw malformed(path, `${what} has type ${id}`, "a type known to this version");
  if (rowWeights % type.blockWeights !== 0)
    throw malformed(path, `${what} has rows of ${rowWeights} weights`, `a multiple of ${type.blockWeights}`);
  if (offset !== place.start) throw malformed(path, `${what} begins at ${offset}`, `${place.start}`);
  return { name, weights, type: type.name, sizeBytes: (weights / type.blockWeights) * type.blockBytes };
}

async function readShape(
  path: string,
  cursor: Cursor,
  what: string,
): Promise<{ rowWeights: number; weights: number }> {
  const dimensions = await cursor.u32(what);
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS)
    throw malformed(path, `${what} has ${dimensions} dimensions`, `1 to ${MAX_DIMENSIONS}`);
  let rowWeights = 0;
  let weights = 1;
  for (let axis = 0; axis < dimensions; axis += 1) {
    const length = await cursor.u64(what);
    if (axis === 0) rowWeights = length;
    weights *= length;
    if (length === 0 || !Number.isSafeInteger(weights * 8))
      throw malformed(path, `${what} has an axis of ${length}`, "a shape that a file can hold");
  }
  return { rowWeights, weights };
}

export function padded(count: number, alignment: number): number {
  return Math.ceil(count / alignment) * alignment;
}

function largest(bytesOfType: ReadonlyMap<string, number>): string {
  const [first] = [...bytesOfType].toSorted(([, a], [, b]) => b - a);
  return first?.[0] ?? "none";
}
