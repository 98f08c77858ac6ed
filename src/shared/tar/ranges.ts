import { open, type FileHandle } from "node:fs/promises";

const CHUNK_BYTES = 1 << 20;
/** Small files of a package lie side by side, and most of them are asked for in that order: one read serves many. */
const WINDOW_BYTES = 1 << 16;

type Window = { readonly offset: number; readonly bytes: Uint8Array };

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
  const windows = new Map<string, Window>();
  const fileAt = (path: string): Promise<FileHandle> => {
    const known = files.get(path);
    if (known !== undefined) return known;
    const opened = open(path, "r");
    files.set(path, opened);
    return opened;
  };
  return {
    async *read(path, { offset: begin, sizeBytes }) {
      const end = begin + sizeBytes;
      const window = windows.get(path);
      if (window !== undefined && begin >= window.offset && end <= window.offset + window.bytes.length) {
        yield window.bytes.subarray(begin - window.offset, end - window.offset);
        return;
      }
      const file = await fileAt(path);
      for (let offset = begin; offset < end;) {
        const length = Math.max(WINDOW_BYTES, Math.min(CHUNK_BYTES, end - offset));
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
        if (bytesRead === 0) throw new Error(`${path} ends at byte ${offset}, a range of it goes to ${end}`);
        const bytes = buffer.subarray(0, bytesRead);
        if (length === WINDOW_BYTES) windows.set(path, { offset, bytes });
        yield bytes.subarray(0, Math.min(bytesRead, end - offset));
        offset += bytesRead;
      }
    },
    async close() {
      const opened = await Promise.allSettled(files.values());
      files.clear();
      for (const file of opened) if (file.status === "fulfilled") await file.value.close();
    },
  };
}
