import { Transform } from "node:stream";

/** Bytes [offset, offset + bytes) become `text`. */
export type Edit = { readonly offset: number; readonly bytes: number; readonly text: Buffer };

/** Copies what flows through it, with edits in ascending order that do not overlap; holds nothing back but the edits. */
export function applyEdits(edits: readonly Edit[]): Transform {
  let position = 0;
  let next = 0;

  /** In one piece, because what compresses it works piece by piece. */
  function edited(chunk: Buffer): Buffer {
    const start = position;
    const end = start + chunk.length;
    const pieces: Buffer[] = [];
    while (position < end) {
      const edit = edits[next];
      if (edit === undefined || edit.offset >= end) {
        pieces.push(chunk.subarray(position - start));
        position = end;
      } else if (position < edit.offset) {
        pieces.push(chunk.subarray(position - start, edit.offset - start));
        position = edit.offset;
      } else {
        if (position === edit.offset) pieces.push(edit.text);
        position = Math.min(end, edit.offset + edit.bytes);
        if (position === edit.offset + edit.bytes) next += 1;
      }
    }
    return pieces.length === 1 ? (pieces[0] ?? chunk) : Buffer.concat(pieces);
  }

  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, edited(chunk)),
  });
}
