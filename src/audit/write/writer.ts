/** Gives each record its place, and puts it on the disk: the only code that appends to a log. */
import type { AppError } from "../../shared/errors.ts";
import type { Appended, Content, Entry, LogState } from "../audit-log.ts";
import { segmentName, segmentPath, type SegmentName } from "../layout.ts";
import { encodeLedgerLine } from "../line.ts";
import { LOG_FORMAT, type RecordBody, type RecordHead } from "../record.ts";
import { leafHash } from "../tree/rfc6962.ts";
import { createCommitQueue } from "./commit-queue.ts";
import { encodePayload } from "./encode-payload.ts";
import { createSegmentFile, type SegmentFile } from "./segment-file.ts";
import { unwritable } from "./unwritable.ts";

type SealReason = Extract<RecordBody, { type: "seal" }>["reason"];

export type WriterOptions = {
  readonly log: string;
  readonly origin: string;
  readonly maxSegmentBytes: number;
};

export type WriterDeps = {
  /** Milliseconds since 1970 by the wall clock, and since any moment by the monotonic one. */
  now(): number;
  mono(): number;
  today(): string;
  /** Verifier key that signs from here on. */
  key(): string;
  /** Looked at before each batch: an Error where the log is no longer ours. */
  assertHeld(): void;
  /** These ledger lines are on the disk now. */
  onDurable(leaves: readonly Uint8Array[]): void;
  onSealed(name: SegmentName): void;
  onClosed(why: AppError): void;
};

/** Where the writer goes on. */
export type WriterStart = {
  readonly nextSeq: number;
  readonly prev: string;
  readonly pending: ReadonlyMap<number, string>;
  /** A segment that nobody sealed, which goes on first. */
  readonly unsealed?: {
    readonly name: SegmentName;
    readonly file: SegmentFile;
    readonly bytes: number;
    readonly records: number;
  };
  /** The newest segment's day and number, where there is one. */
  readonly newest?: { readonly day: string; readonly number: number };
};

export type Writer = {
  append(entry: Entry, content?: Content): Appended;
  /** Ends the open segment; the next record begins another one, and so does this call unless the writer is to stop. */
  seal(reason: SealReason): SegmentName;
  begin(reason: "start" | "rotation"): void;
  /** What a timer asks: whether midnight has passed since the last record. */
  rotateIfDue(): void;
  segment(): SegmentName | undefined;
  state(): LogState;
  nextSeq(): number;
  durableSeq(): number;
  inFlight(): number;
  pendingBytes(): number;
  drain(): Promise<void>;
  closeFile(): Promise<void>;
};

type OpenSegment = {
  readonly name: SegmentName;
  readonly day: string;
  readonly number: number;
  bytes: number;
  records: number;
};

/** The wall clock may be corrected by so much without a word. */
const CLOCK_TOLERANCE_MS = 1_000;
const NEWLINE = Buffer.from("\n");

export function createWriter(start: WriterStart, options: WriterOptions, deps: WriterDeps): Writer {
  const { log } = options;
  const began = deps.mono();
  const waiting = new Map(start.pending);
  const files = new Map<SegmentName, SegmentFile>();
  let state: LogState = { kind: "open" };
  let nextSeq = start.nextSeq;
  let durableSeq = start.nextSeq - 1;
  let prev = start.prev;
  let wall = deps.now();
  let newest = start.newest;
  let segment: OpenSegment | undefined;

  if (start.unsealed !== undefined && newest !== undefined) {
    const { name, file, bytes, records } = start.unsealed;
    files.set(name, file);
    segment = { name, ...newest, bytes, records };
  }

  const queue = createCommitQueue(async (batch) => {
    try {
      deps.assertHeld();
      await (await fileOf(batch.segment)).append(batch.buffers);
    } catch (error) {
      throw close(error);
    }
    durableSeq += batch.leaves.length;
    deps.onDurable(batch.leaves);
  });

  /** Opened when the first batch for it is written; the one before has got all of its own by then. */
  async function fileOf(name: SegmentName): Promise<SegmentFile> {
    const known = files.get(name);
    if (known !== undefined) return known;
    for (const [before, file] of files) {
      await file.close();
      files.delete(before);
      deps.onSealed(before);
    }
    const file = await createSegmentFile(segmentPath(log, name));
    files.set(name, file);
    return file;
  }

  function close(cause: unknown): AppError {
    if (state.kind === "closed") return state.why;
    const why = unwritable(cause, `segment "${segment?.name ?? ""}"`);
    state = { kind: "closed", why };
    deps.onClosed(why);
    return why;
  }

  /** No look at the clock or the size: what calls it has done that, or must not rotate. */
  function push(entry: Entry, content?: Content): Appended {
    if (state.kind === "closed") throw state.why;
    if (segment === undefined) throw new Error(`A record of type ${entry.type} has no segment to go to`);
    const seq = nextSeq;
    const payload = content === undefined ? undefined : encodePayload(seq, content);
    const head: RecordHead = {
      v: LOG_FORMAT,
      seq,
      prev,
      ts: new Date(wall).toISOString(),
      mono: Math.round(deps.mono() - began),
    };
    const line = encodeLedgerLine(head, withPayload(entry, payload?.ref));
    const leaf = leafHash(line);
    nextSeq += 1;
    prev = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.length).toString("hex");
    const buffers = payload === undefined ? [line, NEWLINE] : [line, NEWLINE, ...payload.line, NEWLINE];
    segment.records += 1;
    for (const { length } of buffers) segment.bytes += length;
    follow(entry, seq);
    return { seq, durable: handled(queue.add(segment.name, buffers, leaf)) };
  }

  function follow(entry: Entry, seq: number): void {
    if (entry.type === "req") waiting.set(seq, entry.id);
    if (entry.type === "res" || entry.type === "abandon") waiting.delete(entry.req);
  }

  function begin(reason: "start" | "rotation"): void {
    const today = deps.today();
    // A clock that was set back never leads into a day that is over.
    const day = newest === undefined || today > newest.day ? today : newest.day;
    const number = newest === undefined || day !== newest.day ? 0 : newest.number + 1;
    newest = { day, number };
    segment = { name: segmentName(day, number), day, number, bytes: 0, records: 0 };
    const { origin } = options;
    push({ type: "open", reason, segment: segment.name, origin, key: deps.key(), inFlight: waiting.size });
  }

  function seal(reason: SealReason): SegmentName {
    if (segment === undefined) throw new Error("No segment is open that could be sealed");
    const { name, records } = segment;
    push({ type: "seal", segment: name, reason, records: records + 1 });
    segment = undefined;
    return name;
  }

  function rotateIfDue(): void {
    if (state.kind === "closed" || segment === undefined) return;
    const reason =
      deps.today() > segment.day ? "day" : segment.bytes >= options.maxSegmentBytes ? "size" : undefined;
    if (reason === undefined) return;
    seal(reason);
    begin("rotation");
  }

  function lookAtClock(): void {
    const now = deps.now();
    const backMs = wall - now;
    wall = now;
    if (backMs > CLOCK_TOLERANCE_MS && segment !== undefined)
      push({ type: "clock", backMs: Math.round(backMs) });
  }

  return {
    append: (entry, content) => {
      if (state.kind === "closed") throw state.why;
      lookAtClock();
      rotateIfDue();
      return push(entry, content);
    },
    seal: (reason) => {
      lookAtClock();
      return seal(reason);
    },
    begin: (reason) => {
      lookAtClock();
      begin(reason);
    },
    rotateIfDue: () => {
      lookAtClock();
      rotateIfDue();
    },
    segment: () => segment?.name,
    state: () => state,
    nextSeq: () => nextSeq,
    durableSeq: () => durableSeq,
    inFlight: () => waiting.size,
    pendingBytes: () => queue.pendingBytes(),
    drain: async () => {
      await queue.drain();
    },
    closeFile: async () => {
      for (const [name, file] of files) {
        await file.close();
        files.delete(name);
      }
    },
  };
}

/** The payload's place is last in the line, whatever the entry has. */
function withPayload(entry: Entry, payload: object | undefined): RecordBody {
  // Entry is RecordBody without `payload`, which is put back here.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (payload === undefined ? entry : { ...entry, payload }) as RecordBody;
}

/** Nobody has to wait for it: who does not still learns of a failure by the log's state. */
function handled(durable: Promise<void>): Promise<void> {
  durable.catch(() => undefined);
  return durable;
}
