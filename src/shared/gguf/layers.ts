import { randomFloats, startOf } from "./pseudo-random.ts";
import { F32, f32s, type WrittenTensor } from "./write.ts";

/** The tensors of one model as they are added; what is random depends on the seed and on how many came before. */
export type Layers = {
  readonly tensors: readonly WrittenTensor[];
  random(name: string, shape: readonly number[]): void;
  constant(name: string, shape: readonly number[], value: number): void;
};

const SCALE = 0.125;

export function createLayers(seed: number): Layers {
  const tensors: WrittenTensor[] = [];
  const add = (name: string, shape: readonly number[], values: (count: number) => number[]) => {
    const count = shape.reduce((product, length) => product * length, 1);
    tensors.push({ name, type: F32, shape, data: () => [f32s(values(count))] });
  };
  return {
    tensors,
    random: (name, shape) => {
      const start = startOf(tensors.length + 1, seed);
      add(name, shape, (count) => randomFloats(count, SCALE, start));
    },
    constant: (name, shape, value) => add(name, shape, (count) => Array.from({ length: count }, () => value)),
  };
}
