import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { compressedPath, segmentPath, type SegmentFile } from "../layout.ts";

type Stored = Pick<SegmentFile, "name" | "compressed">;

/** Where the segment's bytes lie now. */
export function storedPath(log: string, { name, compressed }: Stored): string {
  return compressed ? compressedPath(log, name) : segmentPath(log, name);
}

/** Hands over what a segment's file unpacks to; whatever `use` does, no file stays open. */
export async function readStored(
  log: string,
  segment: Stored,
  use: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  await readUnpacked(storedPath(log, segment), segment.compressed, use);
}

export async function readUnpacked(
  path: string,
  compressed: boolean,
  use: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const file = createReadStream(path);
  if (compressed) await pipeline(file, createZstdDecompress(), use);
  else await pipeline(file, use);
}
