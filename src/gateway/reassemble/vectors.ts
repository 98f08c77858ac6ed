/**
 * Takes the vectors out of an embeddings answer while it passes: each value of a field `embedding` that is an array or text gives way to
 * `{"dimensions":N,"sha256":HEX}`, the hash being that of the value's JSON text as it was sent. Every other byte stays as it is, and no
 * vector is ever held.
 */
import { createHash, type Hash } from "node:crypto";

export type VectorFilter = {
  push(chunk: Uint8Array): void;
  /** An answer that ended within a vector gets the hash of what came of it. */
  finish(): void;
};

type State = "outside" | "string" | "behind-key" | "before-value" | "array" | "text";

type Vector = {
  readonly hash: Hash;
  depth: number;
  numbers: number;
  /** Of base64. */
  characters: number;
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const PADDING = 0x3d;
const SPACE = 0x20;
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const KEY = Buffer.from('"embedding"');
const FLOAT_BYTES = 4;

export function createVectorFilter(emit: (bytes: Uint8Array) => void): VectorFilter {
  let state: State = "outside";
  let isEscaped = false;
  /** How much of the key the string so far is; -1 once it is another string. */
  let matched = 0;
  let vector = newVector();
  let isBetweenNumbers = true;

  /** The next state. A vector begins with the byte that leads into "array" or "text", and ends with the one that leads out. */
  function step(byte: number): State {
    switch (state) {
      case "outside":
        return byte === QUOTE ? openString() : "outside";
      case "string":
        matched = matched >= 0 && KEY[matched] === byte ? matched + 1 : -1;
        if (!endsString(byte)) return "string";
        return matched === KEY.length ? "behind-key" : "outside";
      case "behind-key":
        if (BLANKS.has(byte)) return state;
        return byte === COLON ? "before-value" : byte === QUOTE ? openString() : "outside";
      case "before-value":
        if (BLANKS.has(byte)) return state;
        if (byte === OPEN) return openVector("array", 1);
        return byte === QUOTE ? openVector("text", 0) : "outside";
      case "array":
        return stepInArray(byte);
      case "text":
        if (endsString(byte)) return "outside";
        if (byte !== PADDING) vector.characters += 1;
        return "text";
    }
  }

  function stepInArray(byte: number): State {
    if (byte === OPEN) vector.depth += 1;
    else if (byte === CLOSE) vector.depth -= 1;
    // No number has a character as low as a blank.
    const isSeparator = byte === COMMA || byte <= SPACE || byte === OPEN || byte === CLOSE;
    if (!isSeparator && isBetweenNumbers) vector.numbers += 1;
    isBetweenNumbers = isSeparator;
    return vector.depth === 0 ? "outside" : "array";
  }

  function openString(): State {
    isEscaped = false;
    matched = 1;
    return "string";
  }

  function openVector(next: "array" | "text", depth: number): State {
    isEscaped = false;
    isBetweenNumbers = true;
    vector = { ...newVector(), depth };
    return next;
  }

  function endsString(byte: number): boolean {
    const ends = byte === QUOTE && !isEscaped;
    isEscaped = byte === BACKSLASH && !isEscaped;
    return ends;
  }

  return {
    push(chunk) {
      let start = 0;
      for (let position = 0; position < chunk.length; position += 1) {
        const before = state;
        state = step(chunk[position] ?? 0);
        if (state === before) continue;
        if (!isVector(before) && isVector(state)) {
          emit(chunk.subarray(start, position));
          start = position;
        } else if (isVector(before) && !isVector(state)) {
          vector.hash.update(chunk.subarray(start, position + 1));
          emit(summaryOf(before, vector));
          start = position + 1;
        }
      }
      if (isVector(state)) vector.hash.update(chunk.subarray(start));
      else emit(chunk.subarray(start));
    },
    finish() {
      if (isVector(state)) emit(summaryOf(state, vector));
      state = "outside";
    },
  };
}

function newVector(): Vector {
  return { hash: createHash("sha256"), depth: 0, numbers: 0, characters: 0 };
}

function isVector(state: State): boolean {
  return state === "array" || state === "text";
}

/** Without pooling, a value is a list of vectors: its numbers are counted over all of them. */
function summaryOf(state: State, { hash, numbers, characters }: Vector): Uint8Array {
  const decodedBytes = Math.floor((characters * 3) / 4);
  const dimensions = state === "array" ? numbers : Math.floor(decodedBytes / FLOAT_BYTES);
  return Buffer.from(JSON.stringify({ dimensions, sha256: hash.digest("hex") }));
}
