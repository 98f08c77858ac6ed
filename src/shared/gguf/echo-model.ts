/**
 * A llama whose next token is a fixed function of its last one: embeddings are one-hot, attention and feed-forward give zero, and
 * the output matrix is the table of successors. RMS norm keeps the largest element of a one-hot vector the largest, so at temperature 0
 * the colon that ends the prompt is followed by the answer's first word, each word by the next, the last by the end of text.
 */
import {
  byteVocabulary,
  END_OF_TEXT,
  FIRST_WORD,
  llamaPairs,
  llamaTensors,
  SPACE,
  tokenOfByte,
} from "./llama.ts";
import { F32, f32s, tensorBytes, type GgufModel, type WrittenTensor } from "./write.ts";

/** What the echo model of the demo and of the tests answers to anything at temperature 0. */
export const ECHO_ANSWER = "Hello from a tiny model.\n";

const HEAD_LENGTH = 32;

/** `answer`: words between single blanks. A word that comes again shares a token with the one after it. */
export function echoModel(answer: string = ECHO_ANSWER): GgufModel {
  const chunks = distinctChunks(answer);
  const vocabulary = byteVocabulary(chunks.map((chunk) => chunk.replaceAll(" ", SPACE)));
  const size = vocabulary.tokens.length;
  const embedding = Math.ceil(size / 32) * 32;
  const shape = {
    contextLength: 2_048,
    embedding,
    layers: 1,
    feedForward: 32,
    heads: 1,
    keyValueHeads: 1,
    headLength: HEAD_LENGTH,
  };
  const successors = successorsOf(size, chunks.length);
  const tensors: WrittenTensor[] = [];
  llamaTensors(shape, size, (name, shape, isNorm) => {
    const data = () => {
      if (isNorm) return [f32s(Array.from({ length: embedding }, () => 1))];
      if (name === "token_embd.weight") return rows({ size, embedding }, (row, column) => row === column);
      if (name === "output.weight")
        return rows({ size, embedding }, (row, column) => successors[column] === row);
      return [new Uint8Array(tensorBytes({ type: F32, shape }))];
    };
    tensors.push({ name, type: F32, shape, data });
  });
  return { pairs: llamaPairs("tiny-echo", shape, vocabulary), tensors };
}

function successorsOf(size: number, chunks: number): readonly number[] {
  const last = FIRST_WORD + chunks - 1;
  return Array.from({ length: size }, (_, token) => {
    if (token === tokenOfByte(":")) return FIRST_WORD;
    return token >= FIRST_WORD && token < last ? token + 1 : END_OF_TEXT;
  });
}

function* rows(
  { size, embedding }: { readonly size: number; readonly embedding: number },
  isOne: (row: number, column: number) => boolean,
): Generator<Uint8Array> {
  for (let row = 0; row < size; row += 1)
    yield f32s(Array.from({ length: embedding }, (_, column) => (isOne(row, column) ? 1 : 0)));
}

/** Words with the blank before them; no chunk equals another, because a token is known by its text. */
function distinctChunks(answer: string): readonly string[] {
  const words = answer.split(" ").map((word, index) => (index === 0 ? word : ` ${word}`));
  if (words.some((word) => word.trimStart() === ""))
    throw new Error(`Not words between single blanks: "${answer}"`);
  const chunks: string[] = [];
  let open = "";
  for (const word of words) {
    open += word;
    if (chunks.includes(open)) continue;
    chunks.push(open);
    open = "";
  }
  while (open !== "") {
    open = `${chunks.pop() ?? ""}${open}`;
    if (chunks.includes(open)) continue;
    chunks.push(open);
    open = "";
  }
  return chunks;
}
