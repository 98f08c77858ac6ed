import { createLayers } from "./layers.ts";
import type { GgufModel, Pair } from "./write.ts";
import { SPACE } from "./llama.ts";

const CONTEXT_LENGTH = 512;
const EMBEDDING = 64;
const LAYERS = 2;
const FEED_FORWARD = 128;
const HEADS = 4;
const [NORMAL, CONTROL] = [1, 3];

/** A BERT of random weights, 441 KB: answers /v1/embeddings with 64 numbers that depend on the text and mean nothing. */
export function tinyEmbedding(seed: number): GgufModel {
  const characters = printableLowerCase();
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const tokens = [...special, ...characters.map((character) => `${SPACE}${character}`), ...characters];
  const layers = createLayers(seed);
  layers.random("token_embd.weight", [EMBEDDING, tokens.length]);
  layers.random("token_types.weight", [EMBEDDING, 2]);
  layers.random("position_embd.weight", [EMBEDDING, CONTEXT_LENGTH]);
  layers.constant("token_embd_norm.weight", [EMBEDDING], 1);
  layers.constant("token_embd_norm.bias", [EMBEDDING], 0);
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const dense = (part: string, shape: readonly [number, number]) => {
      layers.random(`blk.${layer}.${part}.weight`, shape);
      layers.constant(`blk.${layer}.${part}.bias`, [shape[1]], 0);
    };
    const norm = (part: string) => {
      layers.constant(`blk.${layer}.${part}.weight`, [EMBEDDING], 1);
      layers.constant(`blk.${layer}.${part}.bias`, [EMBEDDING], 0);
    };
    for (const part of ["attn_q", "attn_k", "attn_v", "attn_output"]) dense(part, [EMBEDDING, EMBEDDING]);
    norm("attn_output_norm");
    dense("ffn_up", [EMBEDDING, FEED_FORWARD]);
    dense("ffn_down", [FEED_FORWARD, EMBEDDING]);
    norm("layer_output_norm");
  }
  return { pairs: bertPairs(tokens, special.length), tensors: layers.tensors };
}

function bertPairs(tokens: readonly string[], specialCount: number): readonly Pair[] {
  return [
    ["general.architecture", { text: "bert" }],
    ["general.name", { text: "tiny-bert" }],
    ["bert.context_length", { u32: CONTEXT_LENGTH }],
    ["bert.embedding_length", { u32: EMBEDDING }],
    ["bert.block_count", { u32: LAYERS }],
    ["bert.feed_forward_length", { u32: FEED_FORWARD }],
    ["bert.attention.head_count", { u32: HEADS }],
    ["bert.attention.layer_norm_epsilon", { f32: 1e-12 }],
    ["bert.attention.causal", { bool: false }],
    ["bert.pooling_type", { u32: 1 }],
    ["tokenizer.ggml.model", { text: "bert" }],
    ["tokenizer.ggml.token_type_count", { u32: 2 }],
    ["tokenizer.ggml.tokens", { texts: tokens }],
    [
      "tokenizer.ggml.token_type",
      { i32s: tokens.map((_, index) => (index < specialCount ? CONTROL : NORMAL)) },
    ],
    ["tokenizer.ggml.padding_token_id", { u32: 0 }],
    ["tokenizer.ggml.unknown_token_id", { u32: 1 }],
    ["tokenizer.ggml.cls_token_id", { u32: 2 }],
    ["tokenizer.ggml.bos_token_id", { u32: 2 }],
    // Spelled like this in llama.cpp's own keys.
    ["tokenizer.ggml.seperator_token_id", { u32: 3 }],
    ["tokenizer.ggml.eos_token_id", { u32: 3 }],
    ["tokenizer.ggml.mask_token_id", { u32: 4 }],
  ];
}

function printableLowerCase(): readonly string[] {
  return Array.from({ length: 127 - 33 }, (_, index) => String.fromCharCode(33 + index)).filter(
    (character) => !/[A-Z]/.test(character),
  );
}
