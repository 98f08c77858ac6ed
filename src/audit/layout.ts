/**
 * The folder of one deployment's log:
 *
 *   log.json                       format, origin; written once
 *   ledger/<day>.<nnn>.jsonl       a segment; the newest one is being written. `.jsonl.zst` once it was compressed
 *   keys/<day>.jsonl               content keys of a day, each wrapped for the operator's age recipients
 *   tree/tile/…                    C2SP tlog-tiles of the leaf hashes; never purged
 *   checkpoints                    signed notes, one blank line between two; only ever appended to
 *   holds.json                     legal holds that are set
 *   anchors/                       checkpoints that were carried out and brought back
 *   writer.sock                    whoever writes this log listens here
 */
import { join } from "node:path";

export const LOG_FILE = "log.json";
export const CHECKPOINTS_FILE = "checkpoints";
export const HOLDS_FILE = "holds.json";
export const WRITER_SOCKET = "writer.sock";

export function ledgerFolder(log: string): string {
  return join(log, "ledger");
}

export function keysFolder(log: string): string {
  return join(log, "keys");
}

export function treeFolder(log: string): string {
  return join(log, "tree");
}

export function anchorsFolder(log: string): string {
  return join(log, "anchors");
}

/** A segment's name is its day in the log's zone and a number within the day: names sort as they were written. */
export type SegmentName = string;

const SEGMENT = /^(\d{4}-\d{2}-\d{2})\.(\d{3,})\.jsonl(\.zst)?$/;

export type SegmentFile = {
  readonly name: SegmentName;
  readonly day: string;
  readonly number: number;
  readonly compressed: boolean;
};

/** undefined for a name that is no segment's. */
export function parseSegmentFile(fileName: string): SegmentFile | undefined {
  const [, day, number, zst] = SEGMENT.exec(fileName) ?? [];
  if (day === undefined || number === undefined) return undefined;
  return { name: `${day}.${number}`, day, number: Number(number), compressed: zst !== undefined };
}

export function segmentName(day: string, number: number): SegmentName {
  return `${day}.${String(number).padStart(3, "0")}`;
}

/** Where it lies while it is written, and until it is compressed. */
export function segmentPath(log: string, name: SegmentName): string {
  return join(ledgerFolder(log), `${name}.jsonl`);
}

export function compressedPath(log: string, name: SegmentName): string {
  return `${segmentPath(log, name)}.zst`;
}

export function keysPath(log: string, day: string): string {
  return join(keysFolder(log), `${day}.jsonl`);
}
