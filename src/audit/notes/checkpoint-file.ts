/** The file `checkpoints`: signed notes, each followed by an empty line, oldest first. */
import { open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "../../shared/errors.ts";
import { syncFolder } from "../../shared/file.ts";
import { CHECKPOINTS_FILE } from "../layout.ts";

/** Durable when it resolves. */
export async function appendCheckpoint(log: string, note: string): Promise<void> {
  const path = join(log, CHECKPOINTS_FILE);
  const file = await open(path, "a", 0o600);
  try {
    const { size } = await file.stat();
    await file.writeFile(`${note}\n`);
    await file.datasync();
    if (size === 0) await syncFolder(dirname(path));
  } finally {
    await file.close();
  }
}

/** Notes as they stand there. What a crash left of the last one is left out: it has no empty line after it. */
export async function readCheckpointNotes(log: string): Promise<readonly string[]> {
  try {
    return splitNotes(await readFile(join(log, CHECKPOINTS_FILE), "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** A note is text, an empty line, signature lines; the empty line after those ends it. */
export function splitNotes(text: string): readonly string[] {
  const blocks = text.split("\n\n").slice(0, -1);
  const notes: string[] = [];
  for (let index = 0; index + 1 < blocks.length; index += 2)
    notes.push(`${blocks[index]}\n\n${blocks[index + 1]}\n`);
  return notes;
}
