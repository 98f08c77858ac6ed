/** Records in their order, each with what its payload line is: read, never changed, in flat memory. */
import { AppError } from "../../shared/errors.ts";
import type { SegmentFile, SegmentName } from "../layout.ts";
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { isTombstoneLine, payloadRef } from "../payload.ts";
import type { LedgerRecord } from "../record.ts";
import { firstLine, readSegment } from "../segments.ts";

type PayloadState =
  | { readonly kind: "none" }
  | { readonly kind: "tombstone" }
  /** Text that is still there. `key` seals it; absent in plain mode. */
  | { readonly kind: "kept"; readonly key?: string };

export type Scanned = {
  readonly record: LedgerRecord;
  readonly segment: SegmentName;
  readonly payload: PayloadState;
  /** Of the payload line: where it begins in the segment and its length without newline. */
  readonly place?: { readonly offset: number; readonly bytes: number };
};

/** Enough of a payload line to say what it is. */
const HEAD_BYTES = 200;
const SEALED = /^\{"payload":\d+,"codec":"aes-256-gcm","key":"([^"\\]+)"/;

/**
 * `onRecord` may say "stop". A record whose payload line is not there yet, as it may be at the end of a segment that is being written, is not handed over.
 * Throws AppError LOG_DAMAGED (integrity), and what reading throws.
 */
export async function scanSegment(
  log: string,
  segment: SegmentFile,
  onRecord: (scanned: Scanned) => "stop" | undefined,
): Promise<void> {
  const { name } = segment;
  let waiting: LedgerRecord | undefined;

  await readSegment(log, segment, (line, offset) => {
    if (isLedgerLine(line)) {
      if (waiting !== undefined) throw damaged(name, `record ${waiting.seq} has no payload line`);
      const record = parseLedgerLine(line);
      if (payloadRef(record) === undefined)
        return onRecord({ record, segment: name, payload: { kind: "none" } });
      waiting = record;
      return undefined;
    }
    if (waiting === undefined) throw damaged(name, `the line at byte ${offset} belongs to no record`);
    const record = waiting;
    waiting = undefined;
    return onRecord({ record, segment: name, payload: stateOf(line), place: { offset, bytes: line.length } });
  });
}

/** undefined for an empty segment. */
export async function firstRecord(log: string, segment: SegmentFile): Promise<LedgerRecord | undefined> {
  const line = await firstLine(log, segment);
  return line === undefined ? undefined : parseLedgerLine(line);
}

/** Of the newest segment that has any. */
export async function lastRecord(
  log: string,
  segments: readonly SegmentFile[],
): Promise<LedgerRecord | undefined> {
  for (const segment of segments.toReversed()) {
    let last: LedgerRecord | undefined;
    await scanSegment(log, segment, ({ record }) => {
      last = record;
    });
    if (last !== undefined) return last;
  }
  return undefined;
}

function stateOf(line: Buffer): PayloadState {
  if (isTombstoneLine(line)) return { kind: "tombstone" };
  const [, key] = SEALED.exec(line.toString("latin1", 0, HEAD_BYTES)) ?? [];
  return key === undefined ? { kind: "kept" } : { kind: "kept", key };
}

function damaged(segment: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "LOG_DAMAGED" },
    `Cannot read segment "${segment}": ${why}`,
    { fields: { segment }, hint: "`cloister log verify` says what is wrong" },
  );
}
