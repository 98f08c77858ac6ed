/**
 * Bytes that only grow. A stream brings five bytes at a time: as strings, each would cost five times that. Blocks double up to 64 KiB and
 * are never copied after that, so that a long text costs its own length and one block.
 */
const FIRST_BLOCK_BYTES = 128;
const BLOCK_BYTES = 65_536;

export type ByteStore = {
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** From the byte at `from` on; what is appended later does not change it. */
  pieces(from: number): readonly Uint8Array[];
};

export function createByteStore(): ByteStore {
  const full: Uint8Array[] = [];
  let open: Uint8Array = new Uint8Array(0);
  let used = 0;
  let length = 0;

  function makeRoom(more: number): void {
    if (used + more <= open.length) return;
    if (used + more <= BLOCK_BYTES) {
      const grown = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(FIRST_BLOCK_BYTES, 2 * (used + more))));
      grown.set(open.subarray(0, used));
      open = grown;
      return;
    }
    if (used > 0) full.push(open.subarray(0, used));
    open = new Uint8Array(Math.max(BLOCK_BYTES, more));
    used = 0;
  }

  return {
    get length() {
      return length;
    },
    append(bytes) {
      makeRoom(bytes.length);
      open.set(bytes, used);
      used += bytes.length;
      length += bytes.length;
    },
    pieces(from) {
      const pieces: Uint8Array[] = [];
      let start = 0;
      for (const block of [...full, open.subarray(0, used)]) {
        if (start + block.length > from) pieces.push(block.subarray(Math.max(0, from - start)));
        start += block.length;
      }
      return pieces;
    },
  };
}
