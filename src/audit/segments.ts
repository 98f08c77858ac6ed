import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { AppError, isErrno } from "../shared/errors.ts";
import { compareCodeUnits } from "../shared/order.ts";
import { compressedPath, ledgerFolder, parseSegmentFile, segmentPath, type SegmentFile } from "./layout.ts";

const NEWLINE = 0x0a;
const READ_BYTES = 1 << 20;
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

/**
 * Hands over every whole line without its newline, and the offset at which it begins. `line` is valid during the call only.
 * Throws AppError LINE_TOO_LONG (integrity), and what the file system says.
 */
export async function readSegment(
  log: string,
  segment: Pick<SegmentFile, "name" | "compressed">,
  onLine: (line: Buffer, offset: number) => void,
): Promise<SegmentEnd> {
  return await readLines(openSegment(log, segment), onLine, segment.name);
}

function openSegment(log: string, { name, compressed }: Pick<SegmentFile, "name" | "compressed">): Readable {
  const options = { highWaterMark: READ_BYTES };
  if (!compressed) return createReadStream(segmentPath(log, name), options);
  const file = createReadStream(compressedPath(log, name), options);
  const plain = createZstdDecompress({ chunkSize: READ_BYTES });
  file.on("error", (error) => plain.destroy(error));
  // Whoever stops reading in the middle closes the one that it reads; the other would stay open.
  plain.on("close", () => file.destroy());
  return file.pipe(plain);
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
