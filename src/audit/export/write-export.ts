/** Hands over some records of a log, with the proof of each, and nothing of any other. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { treeFolder } from "../layout.ts";
import { createMatcher } from "../maintain/selector.ts";
import { parseCheckpoint } from "../notes/checkpoint.ts";
import { readNewestNote } from "../notes/newest-checkpoint.ts";
import { parseNote } from "../notes/signed-note.ts";
import { formatTlogProof } from "../notes/tlog-proof.ts";
import { parsePayloadLine, parseTombstone } from "../payload.ts";
import { readRecords, type ReadRecord } from "../read/read-records.ts";
import type { LedgerRecord, Selector } from "../record.ts";
import { readWrappedKeys } from "../seal.ts";
import { proveInclusion } from "../tree/rfc6962.ts";
import { openTileStore } from "../tree/tile-store.ts";
import {
  CONTENT_FILE,
  encodeContentLine,
  KEYS_FILE,
  LOG_KEY_FILE,
  PROOFS_FOLDER,
  proofFile,
  README_FILE,
  RECORDS_FILE,
  VERIFIER_FILE,
} from "./layout.ts";
import { readmeOf } from "./readme.ts";

export type ExportRequest = {
  readonly selector: Selector;
  /** A folder that is made; it must not be there. */
  readonly out: string;
};

export type ExportDeps = {
  /** Opens the text of a payload line; undefined where that cannot be done. */
  readonly open: (line: Uint8Array, record: LedgerRecord) => Promise<OpenedContent | undefined>;
  /** The program that checks an export, as one file. */
  readonly verifier: () => Promise<string>;
};

type OpenedContent = { readonly salt: Uint8Array; readonly bytes: Uint8Array };

export type Exported = {
  readonly records: number;
  readonly texts: number;
  readonly keys: number;
  /** Size of the tree that the proofs are of. */
  readonly size: number;
  readonly out: string;
};

const NEWLINE = Buffer.from("\n");

/**
 * Throws AppError NOTHING_SELECTED, EXPORT_EXISTS (usage); NOT_CHECKPOINTED (inconclusive) where a record is newer than every
 * checkpoint; TILE_MISSING (integrity).
 */
export async function writeExport(
  log: string,
  { selector, out }: ExportRequest,
  deps: ExportDeps,
): Promise<Exported> {
  const { note } = await readNewestNote(log);
  const checkpoint = note === undefined ? undefined : parseCheckpoint(parseNote(note).text);
  const { shown, key } = await pick(log, selector, checkpoint?.size ?? 0);
  if (shown.length === 0) throw nothingSelected();
  const last = shown.at(-1)?.record.seq ?? 0;
  if (note === undefined || checkpoint === undefined || checkpoint.size <= last) throw notCheckpointed(last);
  await makeFolder(out);
  const write = async (name: string, content: string | Uint8Array): Promise<void> =>
    await writeFile(join(out, name), content, { mode: 0o600, flag: "wx" });
  await write(RECORDS_FILE, Buffer.concat(shown.flatMap(linesOf)));
  await mkdir(join(out, PROOFS_FOLDER), { mode: 0o700 });
  const read = openTileStore(treeFolder(log)).reader(checkpoint.size);
  for (const { record } of shown) {
    const hashes = await proveInclusion(record.seq, checkpoint.size, read);
    await write(proofFile(record.seq), formatTlogProof({ index: record.seq, hashes, checkpoint: note }));
  }
  await write(LOG_KEY_FILE, `${key}\n`);
  const contents = await contentsOf(shown, deps);
  if (contents.length > 0)
    await write(CONTENT_FILE, Buffer.concat(contents.flatMap((line) => [line, NEWLINE])));
  const keys = await keysOf(log, shown);
  if (keys.length > 0) await write(KEYS_FILE, keys.join(""));
  await write(VERIFIER_FILE, await deps.verifier());
  await write(
    README_FILE,
    readmeOf({
      origin: checkpoint.origin,
      size: checkpoint.size,
      records: shown.length,
      texts: contents.length,
    }),
  );
  return { records: shown.length, texts: contents.length, keys: keys.length, size: checkpoint.size, out };
}

/** What is meant, what had its text removed, and the key that signs for a tree of this size. */
async function pick(
  log: string,
  selector: Selector,
  size: number,
): Promise<{ readonly shown: readonly ReadRecord[]; readonly key: string }> {
  const isWanted = createMatcher(selector);
  // They stand after every record whose text they removed.
  const orders = new Set<number>();
  const shown: ReadRecord[] = [];
  let key = "";
  for await (const one of readRecords(log, { from: 0 })) {
    const { record } = one;
    if (record.seq < size && (record.type === "open" || record.type === "key")) key = record.key;
    if (!isWanted(record) && !orders.has(record.seq)) continue;
    shown.push(one);
    const tombstone = one.payload === undefined ? undefined : parseTombstone(one.payload);
    if (tombstone !== undefined) orders.add(tombstone.by);
  }
  return { shown, key };
}

async function contentsOf(shown: readonly ReadRecord[], { open }: ExportDeps): Promise<readonly Buffer[]> {
  const lines: Buffer[] = [];
  for (const { record, payload } of shown) {
    const content = payload === undefined ? undefined : await open(payload, record);
    if (content !== undefined) lines.push(encodeContentLine(record.seq, content));
  }
  return lines;
}

/** Only those that these records were sealed with. One may open other records of its owner and day: the reader must have the identity. */
async function keysOf(log: string, shown: readonly ReadRecord[]): Promise<readonly string[]> {
  const ids = new Set(shown.flatMap(({ payload }) => keyOf(payload) ?? []));
  const days = [...new Set([...ids].map((id) => id.slice(0, 10)))];
  const keys = (await Promise.all(days.map(async (day) => await readWrappedKeys(log, day)))).flat();
  return keys.filter(({ key }) => ids.has(key)).map((key) => `${JSON.stringify(key)}\n`);
}

function keyOf(payload: Buffer | undefined): string | undefined {
  const line = payload === undefined ? undefined : parsePayloadLine(payload);
  return line?.kind === "sealed" ? line.key : undefined;
}

function linesOf({ line, payload }: ReadRecord): readonly Buffer[] {
  return payload === undefined ? [line, NEWLINE] : [line, NEWLINE, payload, NEWLINE];
}

async function makeFolder(out: string): Promise<void> {
  try {
    await mkdir(out, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw new AppError(
      { class: "usage", code: "EXPORT_EXISTS" },
      `Cannot export to "${out}": something is there already, expected nothing`,
      { cause: error, fields: { path: out } },
    );
  }
}

function nothingSelected(): AppError {
  return new AppError(
    { class: "usage", code: "NOTHING_SELECTED" },
    "Cannot export: no record is what was asked for",
  );
}

function notCheckpointed(seq: number): AppError {
  return new AppError(
    { class: "inconclusive", code: "NOT_CHECKPOINTED" },
    `Cannot prove record ${seq}: no checkpoint has it yet`,
    { hint: "`cloister log rotate` makes one", fields: { seq } },
  );
}
