/** The last note of the file `checkpoints`, read from its end: after years the file is far longer than what it ends in. */
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../shared/errors.ts";
import { CHECKPOINTS_FILE } from "../layout.ts";
import { MAX_NOTE_BYTES } from "./signed-note.ts";

export type NewestNote = {
  /** As it stands there, and unread; undefined where no note is whole. */
  readonly note: string | undefined;
  /** Bytes of the file up to here are whole notes; what follows is what a crash left of the next one. */
  readonly endBytes: number;
};

const FIRST_WINDOW_BYTES = 16 << 10;
/** A line of signatures, and the empty line that ends the note: bytes as latin1, so that places in the text are places in the file. */
const NOTE_END = /\n\u00e2\u0080\u0094 [^\n]*\n\n/g;

export async function readNewestNote(log: string): Promise<NewestNote> {
  try {
    const file = await open(join(log, CHECKPOINTS_FILE));
    try {
      return await newestOf(file, (await file.stat()).size);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isErrno(error, "ENOENT")) return { note: undefined, endBytes: 0 };
    throw error;
  }
}

async function newestOf(file: FileHandle, size: number): Promise<NewestNote> {
  for (let window = FIRST_WINDOW_BYTES; ; window *= 2) {
    const start = Math.max(0, size - window);
    const bytes = await readRange(file, start, size);
    const ends = noteEnds(bytes);
    const [from, to] = [ends.at(-2), ends.at(-1)];
    if (from !== undefined && to !== undefined)
      return { note: noteIn(bytes, from, to), endBytes: start + to };
    if (start === 0) return { note: to === undefined ? undefined : noteIn(bytes, 0, to), endBytes: to ?? 0 };
    // Nobody can read as a note what is longer than one may be, and so it is given whole.
    if (window > 2 * MAX_NOTE_BYTES) return { note: bytes.toString("utf8"), endBytes: size };
  }
}

/** Without the empty line after it. */
function noteIn(bytes: Buffer, from: number, to: number): string {
  return bytes.toString("utf8", from, to - 1);
}

function noteEnds(bytes: Buffer): readonly number[] {
  return [...bytes.toString("latin1").matchAll(NOTE_END)].map(({ index, 0: match }) => index + match.length);
}

async function readRange(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.alloc(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
