/** The file `checkpoints`: signed notes, each followed by an empty line, oldest first. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "../../shared/errors.ts";
import { syncPath } from "../../shared/file.ts";
import { CHECKPOINTS_FILE } from "../layout.ts";
import { MAX_NOTE_BYTES } from "./signed-note.ts";

/** Durable when it resolves. Where it rejects, the file ends as it did before, so that what comes next stands on its own. */
export async function appendCheckpoint(log: string, note: string): Promise<void> {
  const path = join(log, CHECKPOINTS_FILE);
  const file = await open(path, "a", 0o600);
  try {
    const { size } = await file.stat();
    try {
      await file.writeFile(`${note}\n`);
      await file.datasync();
    } catch (error) {
      await file.truncate(size);
      throw error;
    }
    if (size === 0) await syncPath(dirname(path));
  } finally {
    await file.close();
  }
}

/**
 * Notes as they stand there, and unread: what is too long to be one is cut into pieces that nobody can read as one. What a crash left
 * of the last one is left out: it has no empty line after it.
 */
export async function readCheckpointNotes(log: string): Promise<readonly string[]> {
  const notes: string[] = [];
  let rest = "";
  try {
    // In pieces: after years the file is longer than a string may be.
    for await (const piece of createReadStream(join(log, CHECKPOINTS_FILE), "utf8")) {
      const found = takeNotes(`${rest}${piece}`);
      for (const note of found.notes) notes.push(note);
      const isTooLong = found.rest.length > MAX_NOTE_BYTES;
      if (isTooLong) notes.push(found.rest);
      rest = isTooLong ? "" : found.rest;
    }
    return notes;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** A note is text, an empty line, signature lines; the empty line after those ends it. */
function takeNotes(text: string): { readonly notes: readonly string[]; readonly rest: string } {
  const blocks = text.split("\n\n");
  const whole = blocks.length - 1 - ((blocks.length - 1) % 2);
  const notes: string[] = [];
  for (let index = 0; index < whole; index += 2) notes.push(`${blocks[index]}\n\n${blocks[index + 1]}\n`);
  return { notes, rest: blocks.slice(whole).join("\n\n") };
}
