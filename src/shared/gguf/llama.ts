import type { Pair } from "./write.ts";
import { ALIGNMENT } from "./write.ts";

/** A byte-level vocabulary in SentencePiece's form: it can spell any prompt, and holds some words besides. */
export type Vocabulary = {
  readonly tokens: readonly string[];
  readonly scores: readonly number[];
  readonly types: readonly number[];
};

export type LlamaShape = {
  readonly contextLength: number;
  readonly embedding: number;
  readonly layers: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  /** Length of keys and values of a head, where it is not embedding / heads. */
  readonly headLength?: number;
};

export const SPACE = "\u2581";
export const FIRST_WORD = 260;
export const END_OF_TEXT = 2;

/** "u:<question>\na:": the answer begins after a colon. */
const CHAT_TEMPLATE =
  "{% for m in messages %}{{ m['role'][0] + ':' + m['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'a:' }}{% endif %}";

const [NORMAL, UNKNOWN, CONTROL, BYTE] = [1, 2, 3, 6];

export function byteVocabulary(words: readonly string[]): Vocabulary {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const texts = [SPACE, ...words];
  return {
    tokens: ["<unk>", "<s>", "</s>", ...bytes, ...texts],
    scores: [...Array.from({ length: 259 }, () => 0), ...texts.map((_, index) => -1 - index)],
    types: [UNKNOWN, CONTROL, CONTROL, ...bytes.map(() => BYTE), ...texts.map(() => NORMAL)],
  };
}

export function tokenOfByte(character: string): number {
  return 3 + character.charCodeAt(0);
}

export function llamaPairs(name: string, shape: LlamaShape, vocabulary: Vocabulary): readonly Pair[] {
  const { headLength } = shape;
  const ropeLength: Pair = [
    "llama.rope.dimension_count",
    { u32: headLength ?? shape.embedding / shape.heads },
  ];
  const lengths: readonly Pair[] =
    headLength === undefined
      ? []
      : [
          ["llama.attention.key_length", { u32: headLength }],
          ["llama.attention.value_length", { u32: headLength }],
          ropeLength,
        ];
  return [
    ["general.architecture", { text: "llama" }],
    ["general.name", { text: name }],
    ["general.alignment", { u32: ALIGNMENT }],
    ["llama.context_length", { u32: shape.contextLength }],
    ["llama.embedding_length", { u32: shape.embedding }],
    ["llama.block_count", { u32: shape.layers }],
    ["llama.feed_forward_length", { u32: shape.feedForward }],
    ["llama.attention.head_count", { u32: shape.heads }],
    ["llama.attention.head_count_kv", { u32: shape.keyValueHeads }],
    ["llama.attention.layer_norm_rms_epsilon", { f32: 1e-5 }],
    ...(headLength === undefined ? [ropeLength] : []),
    ["llama.rope.freq_base", { f32: 10_000 }],
    ["llama.vocab_size", { u32: vocabulary.tokens.length }],
    ["tokenizer.ggml.model", { text: "llama" }],
    ["tokenizer.ggml.tokens", { texts: vocabulary.tokens }],
    ["tokenizer.ggml.scores", { f32s: vocabulary.scores }],
    ["tokenizer.ggml.token_type", { i32s: vocabulary.types }],
    ["tokenizer.ggml.bos_token_id", { u32: 1 }],
    ["tokenizer.ggml.eos_token_id", { u32: END_OF_TEXT }],
    ["tokenizer.ggml.unknown_token_id", { u32: 0 }],
    ["tokenizer.ggml.add_space_prefix", { bool: false }],
    ["tokenizer.chat_template", { text: CHAT_TEMPLATE }],
    ...lengths,
  ];
}

/** Calls `add` with the name and shape of every tensor of a llama, in the order of the file. Norms are what `isNorm` says. */
export function llamaTensors(
  shape: LlamaShape,
  vocabularySize: number,
  add: (name: string, shape: readonly number[], isNorm: boolean) => void,
): void {
  const { embedding, feedForward } = shape;
  const headLength = shape.headLength ?? embedding / shape.heads;
  const [queries, keys] = [headLength * shape.heads, headLength * shape.keyValueHeads];
  add("token_embd.weight", [embedding, vocabularySize], false);
  add("output_norm.weight", [embedding], true);
  add("output.weight", [embedding, vocabularySize], false);
  for (let layer = 0; layer < shape.layers; layer += 1) {
    const name = (part: string) => `blk.${layer}.${part}.weight`;
    add(name("attn_norm"), [embedding], true);
    add(name("attn_q"), [embedding, queries], false);
    add(name("attn_k"), [embedding, keys], false);
    add(name("attn_v"), [embedding, keys], false);
    add(name("attn_output"), [queries, embedding], false);
    add(name("ffn_norm"), [embedding], true);
    add(name("ffn_gate"), [embedding, feedForward], false);
    add(name("ffn_up"), [embedding, feedForward], false);
    add(name("ffn_down"), [feedForward, embedding], false);
  }
}
