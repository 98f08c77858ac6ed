import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { appendCheckpoint, readCheckpointNotes } from "../../../src/audit/notes/checkpoint-file.ts";
import { formatCheckpoint } from "../../../src/audit/notes/checkpoint.ts";
import { cosign } from "../../../src/audit/notes/cosignature.ts";
import { parseNote, signNote } from "../../../src/audit/notes/signed-note.ts";
import { logSigner, ORIGIN, witnessSigner } from "./sample-keys.ts";

let log: string;

beforeEach(async () => {
  log = await mkdtemp(join(tmpdir(), "checkpoints-"));
});
afterEach(() => rm(log, { recursive: true }));

/** Every other one is cosigned. */
function note(size: number): string {
  const text = formatCheckpoint({ origin: ORIGIN, size, root: Buffer.alloc(32, size) });
  return `${signNote(text, logSigner())}${size % 2 === 0 ? "" : cosign(text, witnessSigner(), size)}`;
}

const NOTES = [1, 2, 3].map(note);

test("what was appended is read again, oldest first", async () => {
  for (const one of NOTES) await appendCheckpoint(log, one);
  expect(await readCheckpointNotes(log)).toEqual(NOTES);
  expect((await stat(join(log, "checkpoints"))).mode & 0o777).toBe(0o600);
});

test("there are none where there is no file", async () => {
  expect(await readCheckpointNotes(log)).toEqual([]);
});

test("wherever a crash cuts the last note off, those before it are read", async () => {
  const path = join(log, "checkpoints");
  const text = NOTES.map((one) => `${one}\n`).join("");
  const start = text.length - `${note(3)}\n`.length;
  for (let end = start; end < text.length; end += 1) {
    await writeFile(path, text.slice(0, end));
    expect(await readCheckpointNotes(log), `${end}`).toEqual(NOTES.slice(0, 2));
  }
});

test("a file longer than what is read at once is the same notes", async () => {
  const notes = Array.from({ length: 500 }, (_, index) => note(index % 250));
  await writeFile(join(log, "checkpoints"), notes.map((one) => `${one}\n`).join(""));
  expect(await readCheckpointNotes(log)).toEqual(notes);
});

test("a write that a full disk cut short leaves nothing behind, and the next one is read", async () => {
  await appendCheckpoint(log, note(1));
  const child = join(import.meta.dirname, "append-child.ts");
  // The limit is on the size of the file, in blocks of 512 bytes: the first note ends before it, and the second one behind.
  const limited = 'ulimit -f 1 && exec "$0" "$@"';
  const said = execFileSync("sh", ["-c", limited, process.execPath, child, log, note(3)]).toString();
  expect(said).toBe("EFBIG\n");
  expect(await readCheckpointNotes(log)).toEqual([note(1)]);
  await appendCheckpoint(log, note(2));
  expect(await readCheckpointNotes(log)).toEqual([note(1), note(2)]);
});

describe("damage", () => {
  test("a note that was changed is given as it stands", async () => {
    await writeFile(join(log, "checkpoints"), `${note(1).replace("1", "9")}\n`);
    expect(await readCheckpointNotes(log)).toEqual([note(1).replace("1", "9")]);
  });

  test("an empty line too many leaves no note that can be read", async () => {
    await writeFile(join(log, "checkpoints"), `x\n\n${note(1)}\n${note(2)}\n`);
    for (const one of await readCheckpointNotes(log))
      expect(() => parseNote(one)).toThrow(expect.objectContaining({ code: "NOTE_MALFORMED" }));
  });

  test("megabytes without an empty line are given in pieces that cannot be read", async () => {
    await writeFile(join(log, "checkpoints"), "x".repeat(5 << 20));
    const pieces = await readCheckpointNotes(log);
    expect(pieces.length).toBeGreaterThan(1);
    for (const one of pieces)
      expect(() => parseNote(one)).toThrow(expect.objectContaining({ code: "NOTE_MALFORMED" }));
  });
});
