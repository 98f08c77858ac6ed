import { describe, expect, test } from "vitest";
import { createHasher } from "../../../src/shared/digest.ts";
import { echoModel } from "../../../src/shared/gguf/echo-model.ts";
import { randomLlama } from "../../../src/shared/gguf/random-llama.ts";
import { randomShape } from "../../../src/shared/gguf/random-shape.ts";
import { tinyEmbedding } from "../../../src/shared/gguf/tiny-embedding.ts";
import { writeGguf, type GgufModel } from "../../../src/shared/gguf/write.ts";

function hashOf(model: GgufModel) {
  const hasher = createHasher();
  for (const chunk of writeGguf(model)) hasher.update(chunk);
  return hasher.finish();
}

function tokensOf(model: GgufModel): readonly string[] {
  const value = model.pairs.find(([key]) => key === "tokenizer.ggml.tokens")?.[1];
  return value !== undefined && "texts" in value ? value.texts : [];
}

/** Digests of what an independent writer made from the same layouts. */
describe("writeGguf gives the bytes of an independent writer for", () => {
  test.each([
    ["the random llama", randomLlama(1), "44a7e52e375ed5569c919d33d5776ad6166d5a79a3fdf07f013bab8f4c1c8fe1"],
    ["the echo model", echoModel(), "9b7308f46f09aa644c00406a44a29581768287a0848eb5267ce606cd4f9e6920"],
    [
      "the embedding model",
      tinyEmbedding(1),
      "92a67d3eb0fa0460e7471d80dfaba740a6ba3353a1d49233fba2e848e77021d6",
    ],
    ["the 1.1 B shape", randomShape(), "840deb4cd27d8af43e90546a89f62519afb43093c3d04fb4cdff1a4e2ee30c18"],
  ])("%s", (_, model, sha256) => {
    expect(hashOf(model).digest).toBe(`sha256:${sha256}`);
  });
});

describe("writeGguf", () => {
  test("gives other bytes for another seed, and for another answer", () => {
    expect(hashOf(randomLlama(2)).digest).not.toBe(hashOf(randomLlama(1)).digest);
    expect(hashOf(tinyEmbedding(2)).digest).not.toBe(hashOf(tinyEmbedding(1)).digest);
    expect(hashOf(echoModel("Another answer.")).digest).not.toBe(hashOf(echoModel()).digest);
  });

  test("refuses a tensor whose data is not as long as its shape says", () => {
    const [first, ...rest] = randomLlama(1).tensors;
    if (first === undefined) throw new Error("no tensor");
    const short: GgufModel = { pairs: [], tensors: [{ ...first, data: () => [new Uint8Array(8)] }, ...rest] };
    expect(() => [...writeGguf(short)]).toThrow("token_embd.weight: 8 bytes");
  });
});

describe("echoModel", () => {
  test.each(["one two one three", "a a a a", "no no", "x", "a b a b"])(
    "spells %j in distinct tokens",
    (answer) => {
      const words = tokensOf(echoModel(answer)).slice(260);
      expect(words.join("").replaceAll("\u2581", " ")).toBe(answer);
      expect(new Set(words).size).toBe(words.length);
    },
  );

  test("refuses an answer that is not words between single blanks", () => {
    for (const answer of ["", "two  blanks", " leading", "trailing "])
      expect(() => echoModel(answer)).toThrow("Not words");
  });
});
