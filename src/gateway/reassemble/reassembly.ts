/**
 * From the bytes of an answer, in whatever pieces they come, to what the log keeps of it. It stands beside the way of the bytes, never
 * in it: a mistake made here changes what a record says of an answer, while the hash of its raw bytes and the client's copy stay as they are.
 */
import { createHash } from "node:crypto";
import type { Usage } from "../../audit/record.ts";
import { createBodyReader } from "./body.ts";
import { describeAnswer } from "./describe.ts";
import { parseJson } from "./json.ts";
import { createStreamReader } from "./stream.ts";

/** The API that answers; `native` are llama-server's own completions. */
export type AnswerKind =
  | "chat"
  | "completion"
  | "responses"
  | "messages"
  | "native"
  | "embeddings"
  | "rerank"
  | "other";

/** What was odd about an answer. None of them holds any of its text. */
export type Fault =
  /** An event or a body that should be JSON and is not. Its text is kept all the same. */
  | "not-json"
  /** A value that contradicts what came before, kept under `unmerged`. */
  | "misfit"
  /** What was streamed is not in the whole answer that came at the end; both are kept. */
  | "deltas-differ"
  /** The stream ended within an event. */
  | "cut-event"
  /** Nothing after it was read. */
  | "event-too-long"
  | "answer-too-long";

export type Assembled = {
  /** In pieces: one JSON document as the API answers without streaming, or the exact bytes of an answer that was not streamed. */
  readonly content: readonly Uint8Array[];
  readonly finish: readonly string[];
  /** As upstream counted a finished answer; absent where it did not say. */
  readonly usage?: Usage;
  readonly model?: string;
  /** Upstream reported an error, in place of an answer or in the middle of one. */
  readonly isError: boolean;
  readonly faults: readonly Fault[];
  /** Of the bytes as they came. Frames are events with data; an answer in one piece has none. */
  readonly raw: { readonly sha256: string; readonly bytes: number; readonly frames: number };
};

export type Reassembly = {
  /** Copies what it needs; never throws, whatever the bytes are. */
  push(chunk: Uint8Array): void;
  /** What came since the last call, as compact JSON: `[["choices.0.content","Hel"],…]`; a list's new elements stand in an array. */
  takeDelta(): string | undefined;
  /**
   * The last event so far ends an answer. An answer to several native prompts has one such event each, so that it can turn false again:
   * who asks whether an answer is whole asks at the end of the stream.
   */
  sawTerminal(): boolean;
  /**
   * The chunk just pushed has, or may have, a beginning of the event that ends the answer: it waits until the answer is on the disk.
   * Once it is false, everything pushed so far may go. It is true as well while an event is incomplete, because only its end says what
   * it is. An answer in one piece has no such event: its last byte is known by its length.
   */
  readonly terminalStart: boolean;
  readonly frames: number;
  readonly bytes: number;
  /** How much takeDelta() would bring. */
  readonly pendingBytes: number;
  /** More came than is kept: from here on it only counts and hashes, and who may deliver nothing unlogged stops here. */
  readonly isFull: boolean;
  /** Once, after the last byte. */
  finish(): Assembled;
};

export type Limits = {
  /** The longest event of a stream. */
  readonly eventBytes: number;
  /** What is kept of one answer. */
  readonly answerBytes: number;
};

const DEFAULT_LIMITS: Limits = { eventBytes: 16_777_216, answerBytes: 67_108_864 };

/** What tells a stream from an answer in one piece. */
export type Reader = Omit<Reassembly, "bytes" | "finish"> & {
  /** `outline`: the document in which to look for what is said of the answer; it may lack the text. */
  finish(): Pick<Assembled, "content" | "faults"> & { readonly outline: string };
};

export function createReassembly(
  kind: AnswerKind,
  contentType: string | undefined,
  limits: Partial<Limits> = {},
): Reassembly {
  const { eventBytes, answerBytes } = { ...DEFAULT_LIMITS, ...limits };
  const isStream = /^\s*text\/event-stream\b/i.test(contentType ?? "");
  const reader = isStream
    ? createStreamReader(kind, { eventBytes, answerBytes })
    : createBodyReader(kind, answerBytes);
  const hash = createHash("sha256");
  let bytes = 0;

  return {
    push(chunk) {
      hash.update(chunk);
      bytes += chunk.length;
      reader.push(chunk);
    },
    takeDelta: () => reader.takeDelta(),
    sawTerminal: () => reader.sawTerminal(),
    get terminalStart() {
      return reader.terminalStart;
    },
    get frames() {
      return reader.frames;
    },
    get bytes() {
      return bytes;
    },
    get pendingBytes() {
      return reader.pendingBytes;
    },
    get isFull() {
      return reader.isFull;
    },
    finish() {
      const { content, outline, faults } = reader.finish();
      const answer = parseJson(outline);
      const isBroken = answer === undefined && kind !== "other" && bytes > 0;
      const found = isBroken ? [...faults, "not-json" as const] : faults;
      return {
        content,
        ...describeAnswer(answer?.value),
        faults: Array.from(new Set(found)),
        raw: { sha256: hash.digest("hex"), bytes, frames: reader.frames },
      };
    },
  };
}
