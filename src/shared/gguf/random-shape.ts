import { byteVocabulary, llamaPairs, llamaTensors, SPACE, type LlamaShape } from "./llama.ts";
import { mix, startOf } from "./pseudo-random.ts";
import { F32, f32s, Q4_0, tensorBytes, type GgufModel, type WrittenTensor } from "./write.ts";

/** The shape of a 1.1 billion parameter llama. */
const SHAPE: LlamaShape = {
  contextLength: 8_192,
  embedding: 2_048,
  layers: 16,
  feedForward: 8_192,
  heads: 32,
  keyValueHeads: 8,
};
const VOCABULARY_SIZE = 32_000;
const SEED = 7;
const BLOCKS = 4_096;
const BLOCK_BYTES = 18;
/** 2^-8 as a 16-bit float: what each block's 32 weights are multiplied with. */
const SCALE_F16 = 0x1c00;

/** 622 MB of random Q4_0 weights in a real model's shape: for speed and memory, not for sense. Written as a stream. */
export function randomShape(): GgufModel {
  const words = Array.from({ length: VOCABULARY_SIZE - 260 }, (_, index) => `${SPACE}t${index}`);
  const vocabulary = byteVocabulary(words);
  const pattern = randomBlocks();
  const tensors: WrittenTensor[] = [];
  llamaTensors(SHAPE, VOCABULARY_SIZE, (name, shape, isNorm) => {
    const ones = () => [f32s(Array.from({ length: shape[0] ?? 0 }, () => 1))];
    const blocks = () => repeated(pattern, tensorBytes({ type: Q4_0, shape }));
    tensors.push(isNorm ? { name, type: F32, shape, data: ones } : { name, type: Q4_0, shape, data: blocks });
  });
  return { pairs: llamaPairs("random-q4_0", SHAPE, vocabulary), tensors };
}

function randomBlocks(): Uint8Array {
  const wordsPerBlock = (BLOCK_BYTES - 2) / 4;
  const start = startOf(0, SEED);
  const pattern = Buffer.alloc(BLOCKS * BLOCK_BYTES);
  for (let block = 0; block < BLOCKS; block += 1) {
    const at = block * BLOCK_BYTES;
    pattern.writeUInt16LE(SCALE_F16, at);
    for (let word = 0; word < wordsPerBlock; word += 1)
      pattern.writeUInt32LE(mix(start + block * wordsPerBlock + word), at + 2 + word * 4);
  }
  return pattern;
}

function* repeated(pattern: Uint8Array, sizeBytes: number): Generator<Uint8Array> {
  for (let left = sizeBytes; left > 0; left -= pattern.length)
    yield pattern.subarray(0, Math.min(left, pattern.length));
}
