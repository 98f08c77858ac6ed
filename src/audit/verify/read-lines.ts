/** One pass over the bytes of all segments: which line is which record, and whether each follows from the one before. */
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { isTombstoneLine, parseTombstone, payloadRef, sha256 } from "../payload.ts";
import { MAX_LEDGER_LINE_BYTES, type LedgerRecord, type PayloadRef } from "../record.ts";
import { readLines, type SegmentEnd } from "../segments.ts";
import { readStored } from "../stored-segment.ts";
import type { SegmentFile } from "../layout.ts";
import { leafHash } from "../tree/rfc6962.ts";
import { AppError, messageOf } from "../../shared/errors.ts";
import { isWhole } from "./shapes.ts";
import type { Findings } from "./verdict.ts";

export type LineReaderDeps = {
  readonly findings: Findings;
  /** A record with all that its type has. */
  readonly onRecord: (record: LedgerRecord) => void;
  /** The tree has one more leaf; called after onRecord for the same line. */
  readonly onLeaf: (leaf: Uint8Array) => void;
  /** It stands where its number says. */
  readonly onPlaced: (seq: number, leaf: Uint8Array) => void;
  readonly onTombstone: (seq: number, by: number) => void;
  /** This record names another one before it than stands there: one of the two was changed, and the tree knows which. */
  readonly onBreak: (seq: number) => void;
  /** Called now and then within a segment, so that what was placed need not be remembered to its end. */
  readonly onPause: () => Promise<void>;
};

export type LineReader = {
  /** Where the first record stands and what it must name. */
  begin(seq: number, prev: string | undefined): void;
  read(
    log: string,
    segment: SegmentFile,
    place: { readonly isLast: boolean; readonly isLive: boolean },
  ): Promise<void>;
  nextSeq(): number;
  payloads(): number;
  bytes(): number;
};

type Open = { readonly seq: number; readonly ref: PayloadRef };

export function createLineReader({
  findings,
  onRecord,
  onLeaf,
  onPlaced,
  onTombstone,
  onBreak,
  onPause,
}: LineReaderDeps): LineReader {
  let nextSeq = 0;
  let otherwise: number | undefined;
  let prev: string | undefined;
  let payloads = 0;
  let bytes = 0;
  let open: Open | undefined;

  function waiting(): Open | undefined {
    return open;
  }

  function modified(seq: number, what: string): void {
    findings.add({ verdict: "MODIFIED", seq, what });
  }

  function onLedger(line: Buffer): LedgerRecord | undefined {
    const record = parse(line);
    if (record === undefined) {
      modified(nextSeq, "its line is no record");
      return undefined;
    }
    const leaf = leafHash(line);
    // One that stands elsewhere follows on nothing; that it does was said.
    const isPlaced = place(record.seq, leaf);
    if (isPlaced && prev !== undefined && record.prev !== prev) onBreak(record.seq);
    prev = leaf.toString("hex");
    const isUsable = isWhole(record);
    if (isUsable) onRecord(record);
    else modified(record.seq, `it lacks what a record of type ${JSON.stringify(record.type)} has`);
    onLeaf(leaf);
    return isUsable ? record : undefined;
  }

  /** Where a number is not the one that is due, either it was changed or records are gone: what comes next tells. */
  function place(seq: number, leaf: Uint8Array): boolean {
    const isPlaced = seq === nextSeq || seq === otherwise;
    if (isPlaced) {
      nextSeq = seq + 1;
      otherwise = undefined;
      onPlaced(seq, leaf);
    } else {
      modified(nextSeq, `record ${seq} stands where it should`);
      nextSeq += 1;
      otherwise = seq + 1;
    }
    return isPlaced;
  }

  function onPayload(line: Buffer, owner: Open): void {
    if (isTombstoneLine(line)) {
      const tombstone = parseTombstone(line);
      if (tombstone?.seq !== owner.seq) return modified(owner.seq, "its tombstone is another's");
      return onTombstone(owner.seq, tombstone.by);
    }
    payloads += 1;
    if (sha256(line) !== owner.ref.sha256) modified(owner.seq, "its text is not what was written");
  }

  function onLine(
    line: Buffer,
    of: { first: LedgerRecord | undefined; last: LedgerRecord | undefined; count: number },
  ): void {
    const isRecord = isLedgerLine(line);
    if (open !== undefined && isRecord) modified(open.seq, "its text is gone without a tombstone");
    if (isRecord || open === undefined) {
      open = undefined;
      if (!isRecord) return modified(nextSeq, "a line stands there that is no record and belongs to none");
      const record = onLedger(line);
      if (record === undefined) return;
      of.first ??= record;
      of.last = record;
      of.count += 1;
      const ref = payloadRef(record);
      // By its place: where its number was changed, that of its text was not.
      if (ref !== undefined) open = { seq: nextSeq - 1, ref };
      return;
    }
    const owner = open;
    open = undefined;
    onPayload(line, owner);
  }

  return {
    begin: (seq, before) => {
      nextSeq = seq;
      prev = before;
    },
    nextSeq: () => nextSeq,
    payloads: () => payloads,
    bytes: () => bytes,
    read: async (log, segment, { isLast, isLive }) => {
      const of: { first: LedgerRecord | undefined; last: LedgerRecord | undefined; count: number } = {
        first: undefined,
        last: undefined,
        count: 0,
      };
      open = undefined;
      let end: SegmentEnd | undefined;
      try {
        await readStored(log, segment, async (chunks) => {
          end = await readLines(pausing(chunks, onPause), (line) => onLine(line, of), segment.name);
        });
      } catch (error) {
        if (!isDamage(error)) throw error;
        modified(nextSeq, `segment ${segment.name} cannot be read on: ${messageOf(error)}`);
      }
      bytes += (end?.bytes ?? 0) + (end?.torn.length ?? 0);
      const unfinished = waiting();
      const isTorn = end !== undefined && (end.torn.length > 0 || unfinished !== undefined);
      if (isTorn && isLast && !segment.compressed) {
        if (!isLive)
          findings.add({
            verdict: "TORN_TAIL",
            seq: unfinished?.seq ?? nextSeq,
            what: "its line, or its text, is incomplete",
          });
      } else if (isTorn) modified(unfinished?.seq ?? nextSeq, `segment ${segment.name} ends within it`);
      checkEnds(segment, of, isLast);
    },
  };

  function checkEnds(
    segment: SegmentFile,
    of: {
      readonly first: LedgerRecord | undefined;
      readonly last: LedgerRecord | undefined;
      readonly count: number;
    },
    isLast: boolean,
  ): void {
    const { first, last, count } = of;
    if (first !== undefined && !(first.type === "open" && first.segment === segment.name))
      modified(first.seq, `segment ${segment.name} does not begin with its own record`);
    if (last?.type === "seal" && last.records !== count)
      modified(last.seq, `segment ${segment.name} has ${count} records, sealed with ${last.records}`);
    if (last?.type !== "seal" && !isLast) modified(nextSeq, `segment ${segment.name} ends without its seal`);
  }
}

async function* pausing(chunks: AsyncIterable<Buffer>, pause: () => Promise<void>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    await pause();
  }
}

function parse(line: Buffer): LedgerRecord | undefined {
  if (line.length > MAX_LEDGER_LINE_BYTES) return undefined;
  try {
    return parseLedgerLine(line);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** What zlib and readSegment say of bytes; what the file system says of reading them is another matter. */
function isDamage(error: unknown): boolean {
  if (error instanceof AppError) return error.class === "integrity";
  return error instanceof Error && "code" in error && /^(?:ZSTD|Z_|ERR_)/.test(String(error.code));
}
