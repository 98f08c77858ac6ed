/** Whether an export proves what it shows, by its own files and the log's key. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno, messageOf } from "../../shared/errors.ts";
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { covers } from "../maintain/ranges.ts";
import { parseCheckpoint } from "../notes/checkpoint.ts";
import type { Verifier } from "../notes/keys.ts";
import { isSignedBy, parseNote } from "../notes/signed-note.ts";
import { parseTlogProof } from "../notes/tlog-proof.ts";
import { encodeTombstone, matchesCommitment, parseTombstone, payloadRef, sha256 } from "../payload.ts";
import type { LedgerRecord, PayloadRef, SeqRange } from "../record.ts";
import { readLines } from "../segments.ts";
import { leafHash, verifyInclusion } from "../tree/rfc6962.ts";
import { CONTENT_FILE, encodeContentLine, proofFile, RECORDS_FILE } from "./layout.ts";

export type ExportVerdict = {
  readonly holds: boolean;
  readonly records: number;
  readonly texts: number;
  readonly removed: number;
  readonly faults: readonly string[];
};

/** What the lines of records.jsonl come to. */
type Shown = {
  records: number;
  /** Of every record that has, or had, a text. */
  readonly refs: Map<number, PayloadRef>;
  /** Which texts these records had removed. */
  readonly orders: Map<number, readonly SeqRange[]>;
  /** Number of the order by that of the record. */
  readonly removed: Map<number, number>;
};

/**
 * `logKey` is the key that whoever checks knows the log by. Throws AppError EXPORT_UNKNOWN (usage) where there is no export,
 * LINE_TOO_LONG (integrity), and what the file system says of a file that is there.
 */
export async function verifyExport(folder: string, logKey: Verifier): Promise<ExportVerdict> {
  const faults: string[] = [];
  const shown = await checkRecords(folder, logKey, faults);
  if (shown.records === 0) faults.push("there is no record");
  for (const [seq, by] of shown.removed) {
    const ranges = shown.orders.get(by);
    if (ranges === undefined)
      faults.push(`record ${seq}: its text is gone, and there is no record ${by} that says why`);
    else if (!covers(ranges, seq))
      faults.push(`record ${seq}: its text is gone, and record ${by} does not say so`);
  }
  const texts = await checkContents(folder, shown.refs, faults);
  return { holds: faults.length === 0, records: shown.records, texts, removed: shown.removed.size, faults };
}

async function checkRecords(folder: string, logKey: Verifier, faults: string[]): Promise<Shown> {
  const shown: Shown = { records: 0, refs: new Map(), orders: new Map(), removed: new Map() };
  let newest = -1;
  let open: LedgerRecord | undefined;

  /** The record whose payload line is next. */
  async function onLedger(line: Buffer): Promise<LedgerRecord | undefined> {
    shown.records += 1;
    const record = await guarded(faults, async () => await proven(folder, line, logKey));
    if (record === undefined) return undefined;
    if (record.seq <= newest) faults.push(`record ${record.seq} stands after record ${newest}`);
    newest = record.seq;
    if (record.type === "purge" || record.type === "retain") shown.orders.set(record.seq, record.ranges);
    return payloadRef(record) === undefined ? undefined : record;
  }

  function onPayload(line: Buffer, owner: LedgerRecord | undefined): void {
    const ref = owner === undefined ? undefined : payloadRef(owner);
    if (owner === undefined || ref === undefined)
      return void faults.push("a line stands there that belongs to no record");
    shown.refs.set(owner.seq, ref);
    const tombstone = parseTombstone(line);
    if (tombstone !== undefined && line.equals(encodeTombstone(owner.seq, tombstone.by)))
      shown.removed.set(owner.seq, tombstone.by);
    else if (sha256(line) !== ref.sha256)
      faults.push(`record ${owner.seq}: its payload line is not what was written`);
  }

  const lines = await linesOf(folder, RECORDS_FILE, faults);
  if (lines === undefined) throw unknown(folder);
  for (const line of lines) {
    if (isLedgerLine(line)) {
      if (open !== undefined) faults.push(`record ${open.seq} has lost its payload line`);
      open = await onLedger(line);
    } else {
      onPayload(line, open);
      open = undefined;
    }
  }
  if (open !== undefined) faults.push(`record ${open.seq} has lost its payload line`);
  return shown;
}

/** Throws AppError where the record is not in the tree that the key has signed. */
async function proven(folder: string, line: Buffer, logKey: Verifier): Promise<LedgerRecord> {
  const record = parseLedgerLine(line);
  const proof = parseTlogProof(await readFile(join(folder, proofFile(record.seq)), "utf8"));
  const note = parseNote(proof.checkpoint);
  if (!isSignedBy(note, logKey)) throw unproven(record.seq, "its checkpoint is not signed by the log's key");
  const { size, root } = parseCheckpoint(note.text);
  if (proof.index !== record.seq) throw unproven(record.seq, `its proof is of record ${proof.index}`);
  const leaf = { hash: leafHash(line), index: record.seq };
  if (!verifyInclusion(leaf, { size, root }, proof.hashes))
    throw unproven(record.seq, "it is not in the tree of its checkpoint");
  return record;
}

/** How many texts are what their records committed to. */
async function checkContents(
  folder: string,
  refs: ReadonlyMap<number, PayloadRef>,
  faults: string[],
): Promise<number> {
  const lines = (await linesOf(folder, CONTENT_FILE, faults)) ?? [];
  let newest = -1;
  let texts = 0;
  for (const [index, line] of lines.entries()) {
    const content = parseContent(line);
    const ref = content === undefined ? undefined : refs.get(content.seq);
    if (content === undefined || ref === undefined)
      faults.push(`${CONTENT_FILE}: line ${index + 1} is of no record`);
    else if (!matchesCommitment(content, ref))
      faults.push(`record ${content.seq}: its text is not what it committed to`);
    else if (content.seq <= newest)
      faults.push(`record ${content.seq}: its text stands after that of record ${newest}`);
    else {
      newest = content.seq;
      texts += 1;
    }
  }
  return texts;
}

/** undefined where it is no such line, or one that is written in another way. */
function parseContent(line: Buffer) {
  try {
    const { seq, salt, text, base64 }: Partial<Record<string, unknown>> = {
      ...Object(JSON.parse(line.toString("utf8"))),
    };
    if (typeof seq !== "number" || typeof salt !== "string") return undefined;
    const bytes = typeof text === "string" ? Buffer.from(text) : Buffer.from(String(base64), "base64");
    const content = { seq, salt: Buffer.from(salt, "hex"), bytes };
    return line.equals(encodeContentLine(seq, content)) ? content : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** As bytes: what a decoder makes of a broken one is not what stands there. undefined where there is no such file. */
async function linesOf(
  folder: string,
  name: string,
  faults: string[],
): Promise<readonly Buffer[] | undefined> {
  const lines: Buffer[] = [];
  try {
    const chunks: AsyncIterable<Buffer> = createReadStream(join(folder, name));
    const { torn } = await readLines(chunks, (line) => lines.push(Buffer.from(line)), name);
    if (torn.length > 0) faults.push(`${name} does not end with a line`);
    return lines;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function guarded<T>(faults: string[], check: () => Promise<T>): Promise<T | undefined> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof AppError) && !isErrno(error, "ENOENT")) throw error;
    faults.push(messageOf(error));
    return undefined;
  }
}

function unproven(seq: number, why: string): AppError {
  return new AppError({ class: "integrity", code: "UNPROVEN" }, `record ${seq}: ${why}`, { fields: { seq } });
}

function unknown(folder: string): AppError {
  return new AppError(
    { class: "usage", code: "EXPORT_UNKNOWN" },
    `Cannot check "${folder}": it is neither an audit log nor an export of one`,
    { fields: { path: folder } },
  );
}
