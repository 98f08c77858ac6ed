/**
 * Bytes that only grow. A stream brings five bytes at a time: as strings, each would cost five times that. Blocks double up to 64 KiB and
 * are never copied after that, so that a long text costs its own length and one block.
 */
const FIRST_BLOCK_BYTES = 128;
const BLOCK_BYTES = 65_536;

export type ByteStore = {
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** As UTF-8, straight into its place. */
  write(text: string): void;
  /** From the byte at `from` on; what is appended later does not change it. */
  pieces(from: number): readonly Uint8Array[];
};

export function createByteStore(): ByteStore {
  const full: Uint8Array[] = [];
  let open = Buffer.alloc(0);
  let used = 0;
  let length = 0;

  function makeRoom(more: number): void {
    if (used + more <= open.length) return;
    if (used + more <= BLOCK_BYTES) {
      const grown = newBlock(Math.min(BLOCK_BYTES, Math.max(FIRST_BLOCK_BYTES, 2 * (used + more))));
      open.copy(grown, 0, 0, used);
      open = grown;
      return;
    }
    if (used > 0) full.push(open.subarray(0, used));
    open = newBlock(Math.max(BLOCK_BYTES, more));
    used = 0;
  }

  function advance(more: number): void {
    used += more;
    length += more;
  }

  return {
    get length() {
      return length;
    },
    append(bytes) {
      makeRoom(bytes.length);
      open.set(bytes, used);
      advance(bytes.length);
    },
    write(text) {
      makeRoom(Buffer.byteLength(text));
      advance(open.write(text, used));
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

/** Memory of its own: a slice of a pool would hold the whole of it. */
function newBlock(sizeBytes: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(sizeBytes);
}
