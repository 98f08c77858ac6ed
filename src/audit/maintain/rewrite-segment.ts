/** Puts tombstones in the place of payload lines of a sealed segment. Its ledger lines stay as they are, byte for byte. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError } from "../../shared/errors.ts";
import { putInPlace, syncPath } from "../../shared/file.ts";
import { compressedPath, type SegmentFile } from "../layout.ts";
import { isLedgerLine } from "../line.ts";
import { encodeTombstone, isTombstoneLine } from "../payload.ts";
import { readLines } from "../segments.ts";
import { newCompressor } from "../write/compress-segment.ts";
import { applyEdits, type Edit } from "./apply-edits.ts";
import { scanSegment } from "./scan-log.ts";
import { newDecompressor, readStored, readUnpacked, READ_BYTES, storedPath } from "../stored-segment.ts";

export type Rewritten = {
  /** Payload lines that were replaced. */
  readonly payloads: number;
};

/**
 * `removedBy` names the record that has the payload of `seq` removed, or undefined where it stays. Written beside the segment,
 * read back, and only then put in its place, durably. Throws AppError REWRITE_DIFFERS, LOG_DAMAGED (integrity).
 */
export async function rewriteSegment(
  log: string,
  segment: SegmentFile,
  removedBy: (seq: number) => number | undefined,
): Promise<Rewritten> {
  const edits = await findEdits(log, segment, removedBy);
  if (edits.length > 0) await replace(log, segment, edits);
  // What a crash while compressing left beside the plain file still has the text.
  if (!segment.compressed) await removeDurably(compressedPath(log, segment.name));
  return { payloads: edits.length };
}

async function findEdits(
  log: string,
  segment: SegmentFile,
  removedBy: (seq: number) => number | undefined,
): Promise<readonly Edit[]> {
  const edits: Edit[] = [];
  await scanSegment(log, segment, ({ record, payload, place }) => {
    if (payload.kind !== "kept" || place === undefined) return;
    const by = removedBy(record.seq);
    if (by !== undefined) edits.push({ ...place, text: encodeTombstone(record.seq, by) });
  });
  return edits;
}

async function replace(log: string, segment: SegmentFile, edits: readonly Edit[]): Promise<void> {
  const path = storedPath(log, segment);
  await putInPlace(path, {
    write: async (temporary) => await copyEdited({ path, temporary, compressed: segment.compressed }, edits),
    check: async (temporary) => await compare(log, segment, { temporary, removed: edits.length }),
  });
}

async function copyEdited(
  { path, temporary, compressed }: { path: string; temporary: string; compressed: boolean },
  edits: readonly Edit[],
): Promise<void> {
  const source = createReadStream(path, { highWaterMark: READ_BYTES });
  const target = createWriteStream(temporary, { mode: 0o600 });
  if (compressed) await pipeline(source, newDecompressor(), applyEdits(edits), newCompressor(), target);
  else await pipeline(source, applyEdits(edits), target);
}

/** Of what was written: the same ledger lines, as many lines, and as many more tombstones as were wanted. */
async function compare(
  log: string,
  segment: SegmentFile,
  { temporary, removed }: { readonly temporary: string; readonly removed: number },
): Promise<void> {
  const want = newSummary();
  await readStored(log, segment, async (chunks) => want.read(chunks, segment.name));
  const got = newSummary();
  await readUnpacked(temporary, segment.compressed, async (chunks) => got.read(chunks, segment.name));
  const isRight =
    want.ledger() === got.ledger() &&
    want.payloads() === got.payloads() &&
    want.tombstones() + removed === got.tombstones();
  if (!isRight) throw differs(segment.name);
}

function newSummary() {
  const ledger = createHash("sha256");
  let payloads = 0;
  let tombstones = 0;
  return {
    read: async (chunks: AsyncIterable<Buffer>, name: string) => {
      const { torn } = await readLines(
        chunks,
        (line) => {
          if (isLedgerLine(line)) {
            ledger.update(line).update("\n");
            return;
          }
          payloads += 1;
          if (isTombstoneLine(line)) tombstones += 1;
        },
        name,
      );
      ledger.update(torn);
    },
    ledger: () => ledger.copy().digest("hex"),
    payloads: () => payloads,
    tombstones: () => tombstones,
  };
}

async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncPath(dirname(path));
}

function differs(name: string): AppError {
  return new AppError(
    { class: "integrity", code: "REWRITE_DIFFERS" },
    `Cannot put tombstones into segment "${name}": what was written has other ledger lines; it stays as it is`,
    { fields: { segment: name } },
  );
}
