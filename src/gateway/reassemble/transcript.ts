/** What a live stream has brought so far, in channels that only grow, and how much of it nobody has taken for a `part` yet. */
import { createByteStore, type ByteStore } from "./byte-store.ts";
import type { Fault } from "./reassembly.ts";

/**
 * The bytes are JSON already, escaped and without the quotes or brackets around them: they go into parts and into the answer as
 * they are. Half a surrogate pair stays an escape, so that the other half may come with the next delta.
 */
export type Channel = {
  /** Where it stands in the answer, as in `choices.0.content`. */
  readonly name: string;
  readonly kind: "text" | "list";
  readonly bytes: ByteStore;
};

export type Transcript = {
  text(name: string): Channel;
  list(name: string): Channel;
  /** To a channel of text. */
  write(channel: Channel, text: string): void;
  /** To a list. */
  add(channel: Channel, value: unknown): void;
  /** For the next part only; in the answer it stands as a plain field. */
  announce(name: string, text: string): void;
  /** Counts what is kept outside of channels against the limit. */
  charge(bytes: number): void;
  /** A value that fits nowhere: it is kept aside, because it may be text that somebody was shown. */
  keepAside(value: unknown, fault: Fault): void;
  fault(fault: Fault): void;
  takeDelta(): string | undefined;
  readonly aside: Channel;
  readonly faults: readonly Fault[];
  readonly pendingBytes: number;
  /** More came than may be kept. */
  readonly isFull: boolean;
};

/** What a channel costs before anything is in it. Without it, a stream of new indices would cost more than it counts. */
const CHANNEL_BYTES = 512;

export function createTranscript(limitBytes: number): Transcript {
  const marks = new Map<Channel, number>();
  const faults = new Set<Fault>();
  let announced: string[] = [];
  let pendingBytes = 0;
  let kept = 0;
  const aside = newChannel("unmerged", "list");

  function charge(bytes: number): void {
    kept += bytes;
    if (kept > limitBytes) faults.add("answer-too-long");
  }

  function open(name: string, kind: Channel["kind"]): Channel {
    charge(CHANNEL_BYTES);
    return newChannel(name, kind);
  }

  function grow(channel: Channel, json: string): void {
    const before = channel.bytes.length;
    if (!marks.has(channel)) marks.set(channel, before);
    channel.bytes.write(json);
    const grown = channel.bytes.length - before;
    pendingBytes += grown;
    charge(grown);
  }

  function add(channel: Channel, value: unknown): void {
    grow(channel, `${channel.bytes.length === 0 ? "" : ","}${JSON.stringify(value)}`);
  }

  return {
    text: (name) => open(name, "text"),
    list: (name) => open(name, "list"),
    write(channel, text) {
      if (text !== "") grow(channel, JSON.stringify(text).slice(1, -1));
    },
    add,
    announce(name, text) {
      announced.push(JSON.stringify([name, text]));
      pendingBytes += text.length;
      charge(text.length);
    },
    charge,
    keepAside(value, fault) {
      faults.add(fault);
      add(aside, value);
    },
    fault: (fault) => void faults.add(fault),
    takeDelta() {
      if (marks.size === 0 && announced.length === 0) return undefined;
      const grown = Array.from(marks, ([channel, from]) => entryOf(channel, from));
      const delta = `[${[...announced, ...grown].join(",")}]`;
      marks.clear();
      announced = [];
      pendingBytes = 0;
      return delta;
    },
    aside,
    get faults() {
      return Array.from(faults);
    },
    get pendingBytes() {
      return pendingBytes;
    },
    get isFull() {
      return kept > limitBytes;
    },
  };
}

/** What a channel of text holds. */
export function textOf(channel: Channel): string {
  const text: unknown = JSON.parse(`"${Buffer.concat(channel.bytes.pieces(0)).toString()}"`);
  return String(text);
}

function newChannel(name: string, kind: Channel["kind"]): Channel {
  return { name, kind, bytes: createByteStore() };
}

function entryOf({ name, kind, bytes }: Channel, from: number): string {
  const grown = Buffer.concat(bytes.pieces(from)).toString();
  if (kind === "text") return `[${JSON.stringify(name)},"${grown}"]`;
  return `[${JSON.stringify(name)},[${grown.replace(/^,/, "")}]]`;
}
