import { createLayers } from "./layers.ts";
import { byteVocabulary, llamaPairs, llamaTensors, SPACE, type LlamaShape } from "./llama.ts";
import type { GgufModel } from "./write.ts";

const SHAPE: LlamaShape = {
  contextLength: 2_048,
  embedding: 64,
  layers: 2,
  feedForward: 128,
  heads: 4,
  keyValueHeads: 2,
};

/** Two layers of random weights, 438 KB: loads and answers, and what it says means nothing. */
export function randomLlama(seed: number): GgufModel {
  const vocabulary = byteVocabulary([`${SPACE}the`, `${SPACE}a`]);
  const layers = createLayers(seed);
  llamaTensors(SHAPE, vocabulary.tokens.length, (name, shape, isNorm) =>
    isNorm ? layers.constant(name, shape, 1) : layers.random(name, shape),
  );
  return { pairs: llamaPairs("tiny-random", SHAPE, vocabulary), tensors: layers.tensors };
}
