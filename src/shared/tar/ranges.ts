import { open, type FileHandle } from "node:fs/promises";

const CHUNK_BYTES = 1 << 20;

/** Reads byte ranges of files and keeps each file open until `close`. */
export type RangeReader = {
  read(
    path: string,
    range: { readonly offset: number; readonly sizeBytes: number },
  ): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
};

export function createRangeReader(): RangeReader {
  const files = new Map<string, Promise<FileHandle>>();
  const fileAt = (path: string): Promise<FileHandle> => {
    const known = files.get(path);
    if (known !== undefined) return known;
    const opened = open(path, "r");
    files.set(path, opened);
    return opened;
  };
  return {
    async *read(path, range) {
      const file = await fileAt(path);
      let offset = range.offset;
      const end = range.offset + range.sizeBytes;
      while (offset < end) {
        const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - offset));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        if (bytesRead === 0) throw new Error(`${path} ends at byte ${offset}, a range of it goes to ${end}`);
        offset += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    async close() {
      const opened = await Promise.allSettled(files.values());
      files.clear();
      for (const file of opened) if (file.status === "fulfilled") await file.value.close();
    },
  };
}
