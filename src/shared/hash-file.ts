import { createReadStream } from "node:fs";
import { createHasher } from "./digest.ts";
import type { ByteSource, StoredBlob } from "./store/store.ts";

const CHUNK_BYTES = 1 << 20;

/** Digest and length of what a file holds now. Throws the signal's reason. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<StoredBlob> {
  return await hashChunks(createReadStream(path, { highWaterMark: CHUNK_BYTES }), signal);
}

/** The same of bytes from anywhere. */
export async function hashChunks(chunks: ByteSource, signal?: AbortSignal): Promise<StoredBlob> {
  const hasher = createHasher();
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    hasher.update(chunk);
  }
  return hasher.finish();
}
