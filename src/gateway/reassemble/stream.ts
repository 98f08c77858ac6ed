/** Server-sent events, read beside the bytes that pass: what they say goes into the transcript through the API's format. */
import { createParser } from "eventsource-parser";
import { createChat } from "./chat.ts";
import { isErrorAnswer } from "./describe.ts";
import { encodeDocument, outlineOf, type Part } from "./document.ts";
import type { Format } from "./format.ts";
import { isObject, parseJson, textAt, type JsonObject } from "./json.ts";
import { createMessages } from "./messages.ts";
import { createNative } from "./native.ts";
import { createOther } from "./other.ts";
import type { AnswerKind, Limits, Reader } from "./reassembly.ts";
import { createResponses } from "./responses.ts";
import { createTranscript, type Transcript } from "./transcript.ts";

const DONE = "[DONE]";

export function createStreamReader(kind: AnswerKind, limits: Limits): Reader {
  const transcript = createTranscript(limits.answerBytes);
  const format = createFormat(kind, transcript);
  const decoder = new TextDecoder();
  let frames = 0;
  let error: string | undefined;
  let isTerminal = false;
  let hasTerminal = false;
  let isStopped = false;
  /** The last characters of the stream. */
  let tail = "\n\n";

  const parser = createParser({
    maxBufferSize: limits.eventBytes,
    onEvent({ event, data }) {
      if (isStopped) return;
      frames += 1;
      isTerminal = readEvent(event, data);
      hasTerminal ||= isTerminal;
      isStopped = transcript.isFull;
    },
    onError({ type }) {
      if (type !== "max-buffer-size-exceeded") return;
      transcript.fault("event-too-long");
      isStopped = true;
    },
  });

  /** True for an event that ends the answer: the API's own last one, or an error, after which llama-server sends nothing. */
  function readEvent(name: string | undefined, data: string): boolean {
    if (data.trim() === DONE) return true;
    const value = parseJson(data)?.value;
    // llama-server says `data: null` where it begins to answer the next of several prompts.
    if (value === null) return false;
    if (!isObject(value)) {
      transcript.keepAside(value ?? data, value === undefined ? "not-json" : "misfit");
      return false;
    }
    const isError = name === "error" || isErrorAnswer(value);
    if (isError) keepError(value);
    if (isError && !("choices" in value)) return true;
    return format.read({ type: textAt(value, "type") ?? name ?? "", data: value }) || isError;
  }

  function keepError(value: JsonObject): void {
    error = JSON.stringify(value["error"] ?? value);
    transcript.announce("error", error);
  }

  function feed(text: string): void {
    if (isStopped) return;
    tail = (tail + text).slice(-3);
    parser.feed(text);
  }

  return {
    push(chunk) {
      hasTerminal = false;
      feed(decoder.decode(chunk, { stream: true }));
    },
    takeDelta: () => transcript.takeDelta(),
    sawTerminal: () => isTerminal,
    get terminalStart() {
      return hasTerminal || isTerminal || isStopped || !isBetweenEvents(tail);
    },
    get frames() {
      return frames;
    },
    get pendingBytes() {
      return transcript.pendingBytes;
    },
    get isFull() {
      return isStopped;
    },
    finish() {
      feed(decoder.decode());
      if (!isBetweenEvents(tail) && !isStopped) {
        transcript.fault("cut-event");
        // What came of the event may have been shown to somebody: it is read as if it ended here.
        feed("\n\n");
      }
      const document = withRest(format.document(), restOf(error, transcript));
      return {
        content: encodeDocument(document),
        outline: outlineOf(document),
        faults: transcript.faults,
      };
    },
  };
}

function createFormat(kind: AnswerKind, transcript: Transcript): Format {
  switch (kind) {
    case "chat":
      return createChat(transcript, "chat.completion");
    case "completion":
      return createChat(transcript, "text_completion");
    case "responses":
      return createResponses(transcript);
    case "messages":
      return createMessages(transcript);
    case "native":
      return createNative(transcript);
    case "embeddings":
    case "rerank":
    case "other":
      return createOther(transcript);
  }
}

/** True behind an empty line: there, no event has begun. */
function isBetweenEvents(tail: string): boolean {
  return /[\r\n]$/.test(tail.replace(/(?:\r\n|\n|\r)$/, "")) && /[\r\n]$/.test(tail);
}

function restOf(error: string | undefined, { aside }: Transcript): ReadonlyMap<string, Part> {
  const rest = new Map<string, Part>();
  if (error !== undefined) rest.set("error", error);
  if (aside.bytes.length > 0) rest.set(aside.name, aside);
  return rest;
}

function withRest(document: ReturnType<Format["document"]>, rest: ReadonlyMap<string, Part>): Part {
  if (!(document instanceof Map)) return rest.size === 0 ? Array.from(document) : [...document, rest];
  return new Map<string, Part>([...document, ...rest]);
}
