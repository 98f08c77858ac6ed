import { malformed } from "./malformed.ts";

/** Something of known size that is read at offsets. */
export type ByteRanges = {
  readonly sizeBytes: number;
  /** Fills `target` from `offset` on and tells how many bytes that were; fewer only at the end. */
  read(target: Uint8Array, offset: number): Promise<number>;
};

/**
 * Reads little-endian values front to back. A length is compared with what the file still holds before anything of that
 * length is touched, so no declared count costs more than the file itself. Throws GGUF_MALFORMED (integrity).
 */
export type Cursor = {
  readonly position: () => number;
  readonly remaining: () => number;
  u8(what: string): Promise<number>;
  u32(what: string): Promise<number>;
  /** A count, length or offset; beyond 2^53 no file can hold it. */
  u64(what: string): Promise<number>;
  text(what: string, limitBytes: number): Promise<string>;
  skip(count: number, what: string): void;
};

const WINDOW_BYTES = 1 << 18;

export function openCursor(path: string, source: ByteRanges): Cursor {
  let position = 0;
  let window = new Uint8Array(0);
  let windowStart = 0;

  const need = (count: number, what: string) => {
    const left = source.sizeBytes - position;
    if (count > left)
      throw malformed(
        path,
        `it ends after ${source.sizeBytes} bytes, within ${what}`,
        `${count - left} more`,
      );
  };
  const take = async (count: number, what: string): Promise<Uint8Array> => {
    need(count, what);
    if (position < windowStart || position + count > windowStart + window.length) {
      const fresh = new Uint8Array(Math.min(Math.max(count, WINDOW_BYTES), source.sizeBytes - position));
      const got = await source.read(fresh, position);
      if (got < count) throw malformed(path, "it grew shorter while it was read", "a file at rest");
      window = fresh.subarray(0, got);
      windowStart = position;
    }
    const start = position - windowStart;
    position += count;
    return window.subarray(start, start + count);
  };
  const view = async (count: number, what: string): Promise<DataView> => {
    const bytes = await take(count, what);
    return new DataView(bytes.buffer, bytes.byteOffset, count);
  };
  const u64 = async (what: string): Promise<number> => {
    const value = (await view(8, what)).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw malformed(path, `${what} is ${value}`, "a number that a file can hold");
    return Number(value);
  };

  return {
    position: () => position,
    remaining: () => source.sizeBytes - position,
    u8: async (what) => (await view(1, what)).getUint8(0),
    u32: async (what) => (await view(4, what)).getUint32(0, true),
    u64,
    text: async (what, limitBytes) => {
      const length = await u64(`the length of ${what}`);
      if (length > limitBytes)
        throw malformed(path, `${what} is ${length} bytes long`, `at most ${limitBytes}`);
      return new TextDecoder().decode(await take(length, what));
    },
    skip: (count, what) => {
      need(count, what);
      position += count;
    },
  };
}
