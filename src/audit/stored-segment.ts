import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { isErrno } from "../shared/errors.ts";
import { compressedPath, segmentPath, type SegmentFile } from "./layout.ts";

/** Small, so that whoever shares the event loop with a long scan is not kept waiting. */
export const READ_BYTES = 1 << 18;

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

export async function readUnpacked(
  path: string,
  compressed: boolean,
  use: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  if (compressed) await pipeline(file, newDecompressor(), use);
  else await pipeline(file, use);
}
