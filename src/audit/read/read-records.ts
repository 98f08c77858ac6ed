/** Records with their payload lines, one after the other, and on as the writer adds them. */
import { createReadStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createZstdDecompress } from "node:zlib";
import { isErrno } from "../../shared/errors.ts";
import { compressedPath, segmentPath, type SegmentFile } from "../layout.ts";
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { payloadRef } from "../payload.ts";
import type { LedgerRecord } from "../record.ts";
import { listSegments } from "../segments.ts";
import { firstRecord, lastRecord } from "../maintain/scan-log.ts";

export type ReadRecord = {
  readonly record: LedgerRecord;
  /** The ledger line, without newline. */
  readonly line: Buffer;
  /** Without newline; absent where the record has none. */
  readonly payload?: Buffer;
};

export type ReadFrom = {
  /** The first number that is wanted. */
  readonly from: number;
  /** The last; absent for all that are there. */
  readonly to?: number;
  /** Waits for more at the end, until it is aborted. */
  readonly follow?: AbortSignal;
};

const POLL_MS = 300;
const NEWLINE = 0x0a;

/** Throws AppError RECORD_MALFORMED (integrity), and what the file system says. */
export async function* readRecords(
  log: string,
  { from, to = Infinity, follow }: ReadFrom,
): AsyncGenerator<ReadRecord> {
  let segment = await segmentWith(log, from);
  let offset = 0;
  for (;;) {
    if (segment !== undefined)
      for await (const { read, end } of recordsOf(log, segment, offset)) {
        offset = end;
        if (read.record.seq > to) return;
        if (read.record.seq >= from) yield read;
      }
    const next = await segmentAfter(log, segment);
    if (next !== undefined) {
      // It may have gained its last records between the two looks.
      if (segment !== undefined)
        for await (const { read } of recordsOf(log, segment, offset)) if (read.record.seq >= from) yield read;
      segment = next;
      offset = 0;
    } else if (follow === undefined || follow.aborted) return;
    else await sleep(POLL_MS, undefined, { signal: follow }).catch(() => undefined);
  }
}

/** Number of the first of the last `count` records. */
export async function seqOfLast(log: string, count: number): Promise<number> {
  const last = (await lastRecord(log, await listSegments(log)))?.seq ?? -1;
  return Math.max(0, last - count + 1);
}

/** The last that begins at or before it, or the oldest that is there. */
async function segmentWith(log: string, seq: number): Promise<SegmentFile | undefined> {
  const segments = await listSegments(log);
  for (const segment of segments.toReversed()) {
    const first = await firstRecord(log, segment);
    if (first !== undefined && first.seq <= seq) return segment;
  }
  return segments[0];
}

async function segmentAfter(log: string, segment: SegmentFile | undefined): Promise<SegmentFile | undefined> {
  const segments = await listSegments(log);
  if (segment === undefined) return segments[0];
  return segments.find(
    ({ day, number }) => day > segment.day || (day === segment.day && number > segment.number),
  );
}

/** Whole records from an offset on; `end` is where the next one begins. */
async function* recordsOf(
  log: string,
  segment: SegmentFile,
  from: number,
): AsyncGenerator<{ readonly read: ReadRecord; readonly end: number }> {
  let waiting: ReadRecord | undefined;
  for await (const { line, end } of linesOf(log, segment, from)) {
    if (isLedgerLine(line)) {
      const read = { record: parseLedgerLine(line), line };
      if (payloadRef(read.record) === undefined) yield { read, end };
      else waiting = read;
    } else if (waiting !== undefined) {
      yield { read: { ...waiting, payload: line }, end };
      waiting = undefined;
    }
  }
}

async function* linesOf(
  log: string,
  segment: SegmentFile,
  from: number,
): AsyncGenerator<{ readonly line: Buffer; readonly end: number }> {
  let held: Buffer[] = [];
  let end = from;
  for await (const chunk of bytesOf(log, segment, from)) {
    let start = 0;
    for (let stop = chunk.indexOf(NEWLINE); stop !== -1; stop = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...held, chunk.subarray(start, stop)]);
      held = [];
      end += line.length + 1;
      yield { line, end };
      start = stop + 1;
    }
    if (start < chunk.length) held.push(chunk.subarray(start));
  }
}

/** Of the segment unpacked. One that has been compressed meanwhile is read on in its other form. */
async function* bytesOf(
  log: string,
  { name, compressed }: SegmentFile,
  from: number,
): AsyncGenerator<Buffer> {
  if (!compressed) {
    try {
      const plain: AsyncIterable<Buffer> = createReadStream(segmentPath(log, name), { start: from });
      return yield* plain;
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
  const file = createReadStream(compressedPath(log, name));
  const unpacked = createZstdDecompress();
  file.on("error", (error) => unpacked.destroy(error)).pipe(unpacked);
  let skip = from;
  try {
    const chunks: AsyncIterable<Buffer> = unpacked;
    for await (const chunk of chunks) {
      if (skip < chunk.length) yield chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
    }
  } finally {
    file.destroy();
  }
}
