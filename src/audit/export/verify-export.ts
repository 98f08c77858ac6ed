/** Whether an export proves what it shows, by its own files and the log's key. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno, messageOf } from "../../shared/errors.ts";
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { parseCheckpoint } from "../notes/checkpoint.ts";
import type { Verifier } from "../notes/keys.ts";
import { isSignedBy, parseNote } from "../notes/signed-note.ts";
import { parseTlogProof } from "../notes/tlog-proof.ts";
import { matchesCommitment, parseTombstone, payloadRef, sha256 } from "../payload.ts";
import type { LedgerRecord, PayloadRef } from "../record.ts";
import { leafHash, verifyInclusion } from "../tree/rfc6962.ts";
import { CONTENT_FILE, proofFile, RECORDS_FILE } from "./layout.ts";

export type ExportVerdict = {
  readonly holds: boolean;
  readonly records: number;
  readonly texts: number;
  readonly removed: number;
  readonly faults: readonly string[];
};

/** `logKey` is the key that whoever checks knows the log by. Throws what the file system says of records.jsonl. */
export async function verifyExport(folder: string, logKey: Verifier): Promise<ExportVerdict> {
  const faults: string[] = [];
  const refs = new Map<number, PayloadRef>();
  let removed = 0;
  let records = 0;
  let open: LedgerRecord | undefined;
  const lines = (await readFile(join(folder, RECORDS_FILE), "utf8")).split("\n");
  if (lines.pop() !== "") faults.push(`${RECORDS_FILE} does not end with a line`);
  for (const text of lines) {
    const line = Buffer.from(text);
    if (isLedgerLine(line)) {
      if (open !== undefined) faults.push(`record ${open.seq} has lost its payload line`);
      const record = await guarded(faults, async () => await proven(folder, line, logKey));
      records += 1;
      open = record !== undefined && payloadRef(record) !== undefined ? record : undefined;
      continue;
    }
    const owner = open;
    open = undefined;
    const ref = owner === undefined ? undefined : payloadRef(owner);
    if (owner === undefined || ref === undefined)
      faults.push("a line stands there that belongs to no record");
    else if (parseTombstone(line)?.seq === owner.seq) removed += 1;
    else if (sha256(line) !== ref.sha256)
      faults.push(`record ${owner.seq}: its payload line is not what was written`);
    if (owner !== undefined && ref !== undefined) refs.set(owner.seq, ref);
  }
  if (open !== undefined) faults.push(`record ${open.seq} has lost its payload line`);
  if (records === 0) faults.push("there is no record");
  const texts = await checkContents(folder, refs, faults);
  return { holds: faults.length === 0, records, texts, removed, faults };
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

async function checkContents(
  folder: string,
  refs: ReadonlyMap<number, PayloadRef>,
  faults: string[],
): Promise<number> {
  const text = await readFile(join(folder, CONTENT_FILE), "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  });
  const lines = text.split("\n").filter((line) => line !== "");
  for (const [index, line] of lines.entries()) {
    const content = parseContent(line);
    const ref = content === undefined ? undefined : refs.get(content.seq);
    if (content === undefined || ref === undefined)
      faults.push(`${CONTENT_FILE}: line ${index + 1} is of no record`);
    else if (!matchesCommitment(content, ref))
      faults.push(`record ${content.seq}: its text is not what it committed to`);
  }
  return lines.length;
}

function parseContent(line: string) {
  try {
    const { seq, salt, text, base64 }: Partial<Record<string, unknown>> = { ...Object(JSON.parse(line)) };
    if (typeof seq !== "number" || typeof salt !== "string") return undefined;
    const bytes = typeof text === "string" ? Buffer.from(text) : Buffer.from(String(base64), "base64");
    return { seq, salt: Buffer.from(salt, "hex"), bytes };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
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
