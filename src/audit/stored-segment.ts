import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { AppError, isErrno } from "../shared/errors.ts";
import { compressedPath, segmentPath, type SegmentFile } from "./layout.ts";

/** Small, so that whoever shares the event loop with a long scan is not kept waiting. */
export const READ_BYTES = 1 << 19;

export type Stored = Pick<SegmentFile, "name" | "compressed">;

/** Where the segment's bytes lie now. */
export function storedPath(log: string, { name, compressed }: Stored): string {
  return compressed ? compressedPath(log, name) : segmentPath(log, name);
}

/**
 * Hands over what a segment's file unpacks to; whatever `use` does, no file stays open. The writer may compress it between the list
 * that it was found in and now: then its other form is read.
 */
export async function readStored(
  log: string,
  segment: Stored,
  use: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  try {
    await readUnpacked(storedPath(log, segment), segment.compressed, use);
  } catch (error) {
    const isGone = isErrno(error, "ENOENT") && !segment.compressed;
    if (!isGone) throw error;
    await readUnpacked(compressedPath(log, segment.name), true, use);
  }
}

export function newDecompressor() {
  return createZstdDecompress({ chunkSize: READ_BYTES });
}

/** Throws AppError SEGMENT_MALFORMED (integrity) where more stands there than was handed over. */
export async function readUnpacked(
  path: string,
  compressed: boolean,
  use: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  if (!compressed) return await pipeline(file, use);
  const unpacked = newDecompressor();
  await pipeline(file, unpacked, use);
  // Node.js leaves out what follows the first frame; zstdcat, by which people read, does not.
  if (unpacked.bytesWritten !== file.bytesRead)
    throw new AppError(
      { class: "integrity", code: "SEGMENT_MALFORMED" },
      `Cannot read segment file "${basename(path)}" to its end: it is one frame of ${unpacked.bytesWritten} bytes, and there are ${file.bytesRead}`,
      { fields: { path } },
    );
}
