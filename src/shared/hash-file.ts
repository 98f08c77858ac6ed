import { open, type FileHandle } from "node:fs/promises";
import { createHasher } from "./digest.ts";
import type { ByteSource, StoredBlob } from "./store/store.ts";

const CHUNK_BYTES = 1 << 20;

type HashOptions = {
  readonly signal?: AbortSignal;
  /** Told of every chunk. */
  readonly onBytes?: (bytes: number) => void;
};

/** Digest and length of what a file holds now. Throws the signal's reason. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<StoredBlob> {
  return await hashRange(path, { offset: 0, sizeBytes: Infinity }, signal === undefined ? {} : { signal });
}

/** The same of a part of it, which is shorter than asked where the file ends. */
export async function hashRange(
  path: string,
  range: { readonly offset: number; readonly sizeBytes: number },
  options: HashOptions = {},
): Promise<StoredBlob> {
  const file = await open(path, "r");
  try {
    return await hashOpened(file, range, options);
  } finally {
    await file.close();
  }
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

/** Two buffers for all of it: one is filled while the other one is hashed. A stream's fresh memory for each chunk costs as much as the hash. */
async function hashOpened(
  file: FileHandle,
  { offset, sizeBytes }: { readonly offset: number; readonly sizeBytes: number },
  { signal, onBytes }: HashOptions,
): Promise<StoredBlob> {
  const hasher = createHasher();
  const end = offset + sizeBytes;
  const read = (buffer: Buffer<ArrayBuffer>, at: number) =>
    file.read(buffer, 0, Math.min(buffer.length, end - at), at);
  let spare = Buffer.allocUnsafe(CHUNK_BYTES);
  let position = offset;
  let reading = read(Buffer.allocUnsafe(CHUNK_BYTES), position);
  try {
    for (;;) {
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) return hasher.finish();
      position += bytesRead;
      reading = read(spare, position);
      signal?.throwIfAborted();
      hasher.update(buffer.subarray(0, bytesRead));
      onBytes?.(bytesRead);
      spare = buffer;
    }
  } finally {
    await Promise.allSettled([reading]);
  }
}
