import { readdir } from "node:fs/promises";
import { AppError, isErrno } from "../shared/errors.ts";
import { compareCodeUnits } from "../shared/order.ts";
import { ledgerFolder, parseSegmentFile, type SegmentFile } from "./layout.ts";
import { readStored, type Stored } from "./stored-segment.ts";

const NEWLINE = 0x0a;
/** A payload line is about a third longer than the largest content; nothing of ours is near this. */
const LONGEST_LINE_BYTES = 1 << 28;

/** Oldest first. Where a crash left a segment both plain and compressed, the plain one counts: it goes last. */
export async function listSegments(log: string): Promise<readonly SegmentFile[]> {
  const names = await readdir(ledgerFolder(log)).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  const files = names.flatMap((name) => parseSegmentFile(name) ?? []);
  const plain = new Set(files.filter(({ compressed }) => !compressed).map(({ name }) => name));
  return files.filter(({ compressed, name }) => !compressed || !plain.has(name)).sort(bySegment);
}

function bySegment(a: SegmentFile, b: SegmentFile): number {
  return compareCodeUnits(a.day, b.day) || a.number - b.number;
}

export type SegmentEnd = {
  /** Bytes of whole lines, newlines included. */
  readonly bytes: number;
  /** What stands after the last newline: an incomplete line. */
  readonly torn: Buffer;
};

/** Thrown to leave a file that need not be read to its end. */
const ENOUGH = new Error("enough was read");

/**
 * Hands over every whole line without its newline, and the offset at which it begins, until one is answered with "stop": then nothing
 * is said of the end. `line` is valid during the call only. Throws AppError LINE_TOO_LONG (integrity), and what the file system says.
 */
export async function readSegment(
  log: string,
  segment: Stored,
  onLine: (line: Buffer, offset: number) => "stop" | undefined | void,
): Promise<SegmentEnd> {
  let end: SegmentEnd = { bytes: 0, torn: Buffer.alloc(0) };
  const take = (line: Buffer, offset: number): void => {
    if (onLine(line, offset) === "stop") throw ENOUGH;
  };
  try {
    await readStored(log, segment, async (chunks) => {
      end = await readLines(chunks, take, segment.name);
    });
  } catch (error) {
    if (error !== ENOUGH) throw error;
  }
  return end;
}

/** undefined where there is no whole line. */
export async function firstLine(log: string, segment: Stored): Promise<Buffer | undefined> {
  let first: Buffer | undefined;
  await readSegment(log, segment, (line) => {
    first = Buffer.from(line);
    return "stop";
  });
  return first;
}

export async function readLines(
  chunks: AsyncIterable<Buffer>,
  onLine: (line: Buffer, offset: number) => void,
  name: string,
): Promise<SegmentEnd> {
  let offset = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      const line = held.length === 0 ? rest : Buffer.concat([...held, rest]);
      held = [];
      heldBytes = 0;
      onLine(line, offset);
      offset += line.length + 1;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    held.push(chunk.subarray(start));
    heldBytes += chunk.length - start;
    if (heldBytes > LONGEST_LINE_BYTES) throw tooLong(name, offset);
  }
  return { bytes: offset, torn: Buffer.concat(held) };
}

function tooLong(name: string, offset: number): AppError {
  return new AppError(
    { class: "integrity", code: "LINE_TOO_LONG" },
    `Cannot read segment "${name}": the line at byte ${offset} is longer than ${LONGEST_LINE_BYTES} bytes`,
    { fields: { segment: name, offset } },
  );
}
