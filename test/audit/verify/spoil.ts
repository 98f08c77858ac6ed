/** Spoils one file of a log in one place after another, and says where the verifier does not say what it should. */
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { LogVerdict, VerdictName } from "../../../src/audit/verify/verdict.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { linesOf, type Line } from "./thousand-records.ts";

type Spoiling = "flips" | "lines" | "cuts";

/** A log that may be spoilt, and its segment that is; it is as it was at the end. `from` and `step` say which of the places. */
export type Share = {
  readonly kind: Spoiling;
  readonly log: string;
  readonly file: string;
  readonly from: number;
  readonly step: number;
  /** So many bytes are flipped at once, evenly over the segment; each of them must be found. */
  readonly together?: number;
};

export type Spoilt = {
  /** How often each verdict was given, and how many bytes, lines or ends were spoilt. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly places: number;
  /** What was done, what was said, what should have been. */
  readonly wrong: readonly string[];
};

/** The verdict, the record that it begins at, and all that must be named. */
type Want = {
  readonly what: string;
  readonly verdict: VerdictName;
  readonly seqs: readonly number[];
};

type Places = Share & { readonly bytes: Buffer; readonly lines: readonly Line[] };

const SPOILINGS = { flips, lines: lineEdits, cuts };

export async function spoil(share: Share): Promise<Spoilt> {
  const file = await open(join(share.log, share.file), "r+");
  const verdicts: Record<string, number> = {};
  const wrong: string[] = [];
  let places = 0;
  try {
    const bytes = await file.readFile();
    for await (const want of SPOILINGS[share.kind](file, { ...share, bytes, lines: linesOf(bytes) })) {
      const found = await verifyLog(share.log);
      verdicts[found.verdict] = (verdicts[found.verdict] ?? 0) + 1;
      places += want.seqs.length;
      if (!isWanted(found, want))
        wrong.push(
          `${want.what}: ${found.verdict} ${found.seq}, not ${want.verdict} ${want.seqs.join(" and ")}`,
        );
    }
    await replace(file, [bytes]);
  } finally {
    await file.close();
  }
  return { verdicts, places, wrong };
}

function isWanted({ verdict, seq, findings }: LogVerdict, want: Want): boolean {
  const named = findings.filter((one) => one.verdict === want.verdict).map((one) => one.seq);
  return (
    verdict === want.verdict &&
    seq === Math.min(...want.seqs) &&
    want.seqs.every((wanted) => named.includes(wanted))
  );
}

/** One bit of a byte, another bit the next time: MODIFIED, at the record of which a line has it, its newline included. */
async function* flips(
  file: FileHandle,
  { bytes, lines, from, step, together = 1 }: Places,
): AsyncGenerator<Want> {
  const last = bytes.length - 1;
  const apart = Math.ceil(last / together);
  for (let at = from; at < apart; at += step) {
    const places = Array.from({ length: together }, (_, index) => at + index * apart).filter(
      (place) => place < last,
    );
    for (const place of places) await file.write(flipped(bytes, place), 0, 1, place);
    yield {
      what: `bytes ${places.join(" and ")} flipped`,
      verdict: "MODIFIED",
      seqs: places.map((place) => lineAt(lines, place).seq),
    };
    for (const place of places) await file.write(bytes, place, 1, place);
  }
  if (from > 0) return;
  await file.write(flipped(bytes, last), 0, 1, last);
  // Without its newline the last line of all is one that was cut off.
  yield { what: "the last newline flipped", verdict: "TRUNCATED", seqs: [lineAt(lines, last).seq] };
}

/** A line that is dropped, doubled, swapped with the next: MODIFIED, where the first stands that is out of place. */
async function* lineEdits(file: FileHandle, { bytes, lines, from, step }: Places): AsyncGenerator<Want> {
  for (let index = from; index < lines.length; index += step) {
    const [line, next] = [lines[index], lines[index + 1]];
    if (line === undefined) return;
    const { seq, start, end } = line;
    const [before, own, after] = [bytes.subarray(0, start), bytes.subarray(start, end), bytes.subarray(end)];
    await replace(file, [before, after]);
    yield {
      what: `line ${index} dropped`,
      verdict: next === undefined ? "TRUNCATED" : "MODIFIED",
      seqs: [seq],
    };
    await replace(file, [before, own, own, after]);
    // A record has no text where it should, a seal counts one too few; or the second one stands where the next record should.
    const isBlamed = line.hasText || next === undefined;
    yield { what: `line ${index} doubled`, verdict: "MODIFIED", seqs: [isBlamed ? seq : seq + 1] };
    if (next === undefined) return;
    await replace(file, [before, bytes.subarray(end, next.end), own, bytes.subarray(next.end)]);
    yield { what: `lines ${index} and ${index + 1} swapped`, verdict: "MODIFIED", seqs: [seq] };
  }
}

/** TRUNCATED, from the first record of which the ledger line is not whole. From behind, so that nothing is to be written again. */
async function* cuts(file: FileHandle, { bytes, lines, from, step }: Places): AsyncGenerator<Want> {
  for (let length = bytes.length - 1 - from; length >= 0; length -= step) {
    await file.truncate(length);
    const { isRecord, seq } = lineAt(lines, length);
    yield { what: `cut to ${length} bytes`, verdict: "TRUNCATED", seqs: [isRecord ? seq : seq + 1] };
  }
}

async function replace(file: FileHandle, parts: readonly Buffer[]): Promise<void> {
  const bytes = Buffer.concat(parts);
  await file.truncate(bytes.length);
  await file.write(bytes, 0, bytes.length, 0);
}

function flipped(bytes: Buffer, at: number): Buffer {
  return Buffer.of((bytes[at] ?? 0) ^ (1 << (at % 8)));
}

function lineAt(lines: readonly Line[], at: number): Line {
  let [low, high] = [0, lines.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle]?.end ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  const line = lines[low];
  if (line === undefined) throw new Error(`No line has byte ${at}`);
  return line;
}

/** What the verifier says after a flip at each place of a file that has no lines of records: a verdict, or the code of what it throws. */
export async function sayAfterFlips({
  log,
  file: name,
  from,
  step,
}: Omit<Share, "kind" | "together">): Promise<ReadonlyMap<number, string>> {
  const file = await open(join(log, name), "r+");
  const said = new Map<number, string>();
  try {
    const bytes = await file.readFile();
    for (let at = from; at < bytes.length; at += step) {
      await file.write(flipped(bytes, at), 0, 1, at);
      const word = await verifyLog(log).then(
        ({ verdict }) => verdict,
        (error: { readonly code: string }) => error.code,
      );
      said.set(at, word);
      await file.write(bytes, at, 1, at);
    }
  } finally {
    await file.close();
  }
  return said;
}
