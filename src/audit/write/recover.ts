/** What a writer has to know of what lies there: read on start, from the newest signed checkpoint on. */
import { open, truncate } from "node:fs/promises";
import { AppError } from "../../shared/errors.ts";
import { segmentPath, type SegmentFile } from "../layout.ts";
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { payloadRef, sha256 } from "../payload.ts";
import { NO_PREVIOUS, type LedgerRecord } from "../record.ts";
import { firstLine, listSegments, readSegment } from "../segments.ts";
import { leafHash } from "../tree/rfc6962.ts";

export type Found = {
  readonly nextSeq: number;
  /** Leaf hash of the last ledger line, hex. */
  readonly prev: string;
  /** Leaf hashes from `treeSize` on. */
  readonly leaves: readonly Uint8Array[];
  /** Requests whose answer is not there, by sequence number. */
  readonly pending: ReadonlyMap<number, string>;
  readonly last:
    | (SegmentFile & { readonly sealed: boolean; readonly bytes: number; readonly records: number })
    | undefined;
  /** Verifier key that the newest records name as the log's. */
  readonly key: string | undefined;
  /** What was cut off the end of the last segment. */
  readonly torn: { readonly bytes: number; readonly sha256: string } | undefined;
};

/**
 * `treeSize` is the size of the newest checkpoint whose tiles are there. Cuts an incomplete last record off the last segment; such a
 * record was never acknowledged. Throws AppError LOG_DAMAGED (integrity) for everything else that does not fit together.
 */
export async function recover(log: string, treeSize: number): Promise<Found> {
  const segments = await listSegments(log);
  const reading = new Reading(treeSize);
  const from = await firstToRead(log, segments, treeSize);
  for (const [index, segment] of segments.slice(from).entries()) {
    const isLast = from + index === segments.length - 1;
    await reading.read(log, segment, isLast);
  }
  return reading.found();
}

/** The newest segment that begins at or before the checkpoint and at whose beginning no request was waiting. */
async function firstToRead(log: string, segments: readonly SegmentFile[], treeSize: number): Promise<number> {
  for (let index = segments.length - 1; index > 0; index -= 1) {
    const segment = segments[index];
    if (segment === undefined) break;
    const first = await firstRecord(log, segment);
    const isFarEnough = first !== undefined && first.seq <= treeSize;
    if (isFarEnough && first.type === "open" && first.inFlight === 0) return index;
  }
  return 0;
}

async function firstRecord(log: string, segment: SegmentFile): Promise<LedgerRecord | undefined> {
  try {
    const line = await firstLine(log, segment);
    return line === undefined ? undefined : parseLedgerLine(line);
  } catch (error) {
    throw damaged(segment.name, "its first line is no record", error);
  }
}

/** One pass over the segments from the first to the last. */
class Reading {
  readonly #treeSize: number;
  readonly #leaves: Uint8Array[] = [];
  readonly #pending = new Map<number, string>();
  #nextSeq: number | undefined;
  #prev = NO_PREVIOUS;
  #last: Found["last"];
  #torn: Found["torn"];
  #key: string | undefined;

  constructor(treeSize: number) {
    this.#treeSize = treeSize;
  }

  async read(log: string, segment: SegmentFile, isLast: boolean): Promise<void> {
    const end = { whole: 0, sealed: false, records: 0 };
    let open: { readonly record: LedgerRecord; readonly leaf: Buffer } | undefined;
    const { bytes, torn } = await readSegment(log, segment, (line, offset) => {
      if (isLedgerLine(line)) {
        if (open !== undefined) throw damaged(segment.name, `record ${open.record.seq} has no payload line`);
        const record = parseLedgerLine(line);
        const leaf = leafHash(line);
        if (payloadRef(record) !== undefined) {
          open = { record, leaf: Buffer.from(leaf) };
          return;
        }
        this.#take(segment.name, record, leaf);
        end.sealed = record.type === "seal";
      } else {
        if (open === undefined)
          throw damaged(segment.name, `the line at byte ${offset} belongs to no record`);
        this.#take(segment.name, open.record, open.leaf);
        open = undefined;
      }
      end.records += 1;
      end.whole = offset + line.length + 1;
    });
    const cut = bytes + torn.length - end.whole;
    // A file that was made, and whose first record never came, is told of as well.
    const isEmpty = isLast && end.records === 0;
    if (cut > 0 || isEmpty) {
      if (!isLast || segment.compressed) throw damaged(segment.name, "it ends within a record");
      this.#torn = await cutOff(segmentPath(log, segment.name), end.whole, cut);
    }
    this.#last = { ...segment, sealed: end.sealed, bytes: end.whole, records: end.records };
  }

  #take(segment: string, record: LedgerRecord, leaf: Uint8Array): void {
    // The first record that is read has its place by what it says; from there on everything must follow.
    if (this.#nextSeq !== undefined) {
      if (record.seq !== this.#nextSeq)
        throw damaged(segment, `record ${record.seq} stands where ${this.#nextSeq} should`);
      if (record.prev !== this.#prev)
        throw damaged(segment, `record ${record.seq - 1} is not the one that ${record.seq} follows`);
    }
    this.#nextSeq = record.seq + 1;
    this.#prev = Buffer.from(leaf).toString("hex");
    if (record.seq >= this.#treeSize) this.#leaves.push(leaf);
    if (record.type === "open" || record.type === "key") this.#key = record.key;
    if (record.type === "req") this.#pending.set(record.seq, record.id);
    if (record.type === "res" || record.type === "abandon") this.#pending.delete(record.req);
  }

  found(): Found {
    return {
      nextSeq: this.#nextSeq ?? 0,
      prev: this.#prev,
      leaves: this.#leaves,
      pending: this.#pending,
      last: this.#last,
      torn: this.#torn,
      key: this.#key,
    };
  }
}

async function cutOff(path: string, whole: number, cut: number): Promise<Found["torn"]> {
  const bytes = await readEnd(path, whole, cut);
  await truncate(path, whole);
  return { bytes: cut, sha256: sha256(bytes) };
}

async function readEnd(path: string, from: number, length: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, from);
    return buffer;
  } finally {
    await file.close();
  }
}

export function damaged(segment: string, why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "integrity", code: "LOG_DAMAGED" },
    `Cannot go on writing the log: segment "${segment}": ${why}`,
    {
      fields: { segment },
      hint: "`cloister log verify` says what is wrong. Keep the folder as it is, and let the gateway begin another one",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
