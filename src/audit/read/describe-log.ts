/** What a log's folder says of itself, read from outside: no writer is asked. */
import { stat, statfs } from "node:fs/promises";
import { readHolds, type Hold } from "../maintain/holds.ts";
import { readLoggedConfig } from "../maintain/logged-config.ts";
import { firstRecord, lastRecord, scanSegment } from "../maintain/scan-log.ts";
import { storedPath } from "../stored-segment.ts";
import { parseCheckpoint } from "../notes/checkpoint.ts";
import { readNewestNote } from "../notes/newest-checkpoint.ts";
import { parseNote } from "../notes/signed-note.ts";
import type { SegmentFile } from "../layout.ts";
import type { LedgerRecord, LoggedConfig } from "../record.ts";
import { listSegments } from "../segments.ts";
import { isErrno } from "../../shared/errors.ts";

export type Moment = { readonly seq: number; readonly ts: string };

export type LogDescription = {
  readonly config: LoggedConfig | undefined;
  readonly segments: number;
  readonly oldest: Moment | undefined;
  readonly newest: Moment | undefined;
  /** The oldest text that is still there. */
  readonly oldestText: Moment | undefined;
  /** Records that the newest checkpoint covers. */
  readonly checkpointSize: number;
  readonly holds: readonly Hold[];
  /** Of the ledger, and free on its file system. */
  readonly bytes: number;
  readonly freeBytes: number;
  /** How long the free room lasts if the days to come are like the last seven; absent while there is no whole day to judge by. */
  readonly runwayDays: number | undefined;
};

const DAY_MS = 86_400_000;
const LOOK_BACK_DAYS = 7;

export async function describeLog(log: string, nowMs: number): Promise<LogDescription> {
  const segments = await listSegments(log);
  const sizes = await Promise.all(segments.map(async (segment) => await sizeOf(log, segment)));
  const { bavail, bsize } = await statfs(log);
  const freeBytes = bavail * bsize;
  const first = segments[0];
  const { note } = await readNewestNote(log);
  return {
    config: await readLoggedConfig(log),
    segments: segments.length,
    oldest: momentOf(first === undefined ? undefined : await firstRecord(log, first)),
    newest: momentOf(await lastRecord(log, segments)),
    oldestText: await oldestText(log, segments),
    checkpointSize: note === undefined ? 0 : parseCheckpoint(parseNote(note).text).size,
    holds: await readHolds(log),
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    freeBytes,
    runwayDays: runway(freeBytes, { segments, sizes, nowMs }),
  };
}

/** Of whole days alone: what today will bring is not known yet. */
function runway(
  freeBytes: number,
  of: {
    readonly segments: readonly SegmentFile[];
    readonly sizes: readonly number[];
    readonly nowMs: number;
  },
): number | undefined {
  const today = new Date(of.nowMs).toISOString().slice(0, 10);
  const since = new Date(of.nowMs - LOOK_BACK_DAYS * DAY_MS).toISOString().slice(0, 10);
  const recent = of.segments
    .map(({ day }, index) => ({ day, bytes: of.sizes[index] ?? 0 }))
    .filter(({ day }) => day >= since && day < today);
  const [oldest] = recent;
  if (oldest === undefined) return undefined;
  const days = Math.max(1, Math.round((Date.parse(today) - Date.parse(oldest.day)) / DAY_MS));
  const bytesPerDay = recent.reduce((sum, { bytes }) => sum + bytes, 0) / days;
  return bytesPerDay === 0 ? undefined : Math.floor(freeBytes / bytesPerDay);
}

async function oldestText(log: string, segments: readonly SegmentFile[]): Promise<Moment | undefined> {
  for (const segment of segments) {
    let found: LedgerRecord | undefined;
    await scanSegment(log, segment, ({ record, payload }) => {
      if (payload.kind !== "kept") return undefined;
      found = record;
      return "stop";
    });
    if (found !== undefined) return momentOf(found);
  }
  return undefined;
}

async function sizeOf(log: string, segment: SegmentFile): Promise<number> {
  try {
    return (await stat(storedPath(log, segment))).size;
  } catch (error) {
    if (!isErrno(error, "ENOENT") || segment.compressed) throw error;
    return (await stat(storedPath(log, { ...segment, compressed: true }))).size;
  }
}

function momentOf(record: LedgerRecord | undefined): Moment | undefined {
  return record === undefined ? undefined : { seq: record.seq, ts: record.ts };
}
