import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCheckpointNotes } from "../../../src/audit/notes/checkpoint-file.ts";
import { formatCheckpoint } from "../../../src/audit/notes/checkpoint.ts";
import { cosign } from "../../../src/audit/notes/cosignature.ts";
import { readNewestNote } from "../../../src/audit/notes/newest-checkpoint.ts";
import { parseNote, signNote } from "../../../src/audit/notes/signed-note.ts";
import { logSigner, witnessSigner } from "./sample-keys.ts";

let log: string;

beforeEach(async () => {
  log = await mkdtemp(join(tmpdir(), "checkpoints-"));
});
afterEach(() => rm(log, { recursive: true }));

/** The origin has a character of several bytes. */
function note(size: number): string {
  const text = formatCheckpoint({ origin: "log/ä", size, root: Buffer.alloc(32, size) });
  return `${signNote(text, logSigner())}${size % 2 === 0 ? "" : cosign(text, witnessSigner(), size)}`;
}

async function write(bytes: string | Uint8Array): Promise<void> {
  await writeFile(join(log, "checkpoints"), bytes);
}

test("there is none where there is no file, or nothing in it", async () => {
  expect(await readNewestNote(log)).toEqual({ note: undefined, endBytes: 0 });
  await write("");
  expect(await readNewestNote(log)).toEqual({ note: undefined, endBytes: 0 });
});

test("wherever a file is cut off, it is the last whole note, and the end is where that ends", async () => {
  const bytes = Buffer.from([1, 2, 3].map((size) => `${note(size)}\n`).join(""));
  for (let length = 0; length <= bytes.length; length += 1) {
    await write(bytes.subarray(0, length));
    const notes = await readCheckpointNotes(log);
    const endBytes = notes.reduce((sum, one) => sum + Buffer.byteLength(one) + 1, 0);
    expect(await readNewestNote(log), `${length}`).toEqual({ note: notes.at(-1), endBytes });
  }
});

test("behind many others, and behind one that is longer than what is read first, it is found", async () => {
  const many = Array.from({ length: 400 }, (_, index) => `${note(index % 250)}\n`).join("");
  const long = `${signNote(`log\n1\n${"x".repeat(100_000)}\n`, logSigner())}\n`;
  await write(`${many}${long}`);
  const endBytes = Buffer.byteLength(`${many}${long}`);
  expect(await readNewestNote(log)).toEqual({ note: long.slice(0, -1), endBytes });
  await write(`${many}${long}${note(7)}\n`);
  expect((await readNewestNote(log)).note).toBe(note(7));
});

test("megabytes that are no note are nothing that can be read as one", async () => {
  await write(`${note(1)}\n${"x".repeat(5 << 20)}`);
  const { note: found = "" } = await readNewestNote(log);
  expect(() => parseNote(found)).toThrow(expect.objectContaining({ code: "NOTE_MALFORMED" }));
});

test("a note that was changed is given as it stands", async () => {
  await write(`${note(1)}\n${note(2).replace("2", "9")}\n`);
  expect((await readNewestNote(log)).note).toBe(note(2).replace("2", "9"));
});
