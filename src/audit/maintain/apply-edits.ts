import { Transform } from "node:stream";

/** Bytes [offset, offset + bytes) become `text`. */
export type Edit = { readonly offset: number; readonly bytes: number; readonly text: Buffer };

/** Copies what flows through it, with edits in ascending order that do not overlap; holds nothing back but the edits. */
export function applyEdits(edits: readonly Edit[]): Transform {
  let position = 0;
  let next = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const end = position + chunk.length;
      while (position < end) {
        const edit = edits[next];
        const from = chunk.length - (end - position);
        if (edit === undefined || edit.offset >= end) {
          this.push(chunk.subarray(from));
          position = end;
        } else if (position < edit.offset) {
          this.push(chunk.subarray(from, from + edit.offset - position));
          position = edit.offset;
        } else {
          if (position === edit.offset) this.push(edit.text);
          position = Math.min(end, edit.offset + edit.bytes);
          if (position === edit.offset + edit.bytes) next += 1;
        }
      }
      done();
    },
  });
}
