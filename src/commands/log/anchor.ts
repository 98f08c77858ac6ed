import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { askWriter } from "../../audit/control/client.ts";
import { anchorsFolder, treeFolder } from "../../audit/layout.ts";
import { readCheckpointNotes } from "../../audit/notes/checkpoint-file.ts";
import { parseCheckpoint, type Checkpoint } from "../../audit/notes/checkpoint.ts";
import { readNewestNote } from "../../audit/notes/newest-checkpoint.ts";
import { parseNote } from "../../audit/notes/signed-note.ts";
import { readRoot } from "../../audit/tree/rfc6962.ts";
import { openTileStore } from "../../audit/tree/tile-store.ts";
import { AppError, messageOf } from "../../shared/errors.ts";
import { syncPath, writeFileWhole } from "../../shared/file.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { anchorName } from "./anchors.ts";
import { asOwner, LOG_OPTIONS, logFolderOf } from "./at-log.ts";
import { wordsOf } from "./fingerprint.ts";

export const logAnchorCommand: Command = {
  name: "log anchor",
  side: "cloister",
  summary: "take the log's newest checkpoint out of the machine, or bring one back",
  usage: "export FILE | import FILE [--log DIR]",
  options: LOG_OPTIONS,
  positionals: { minimum: 2, maximum: 2 },
  details: `export writes the newest signed checkpoint to FILE, which is small and holds nobody's text, and prints it so that two people can compare
it: its size, its root, and its fingerprint, which is the SHA-256 of its first three lines as sixteen words. Whoever keeps a copy
elsewhere can show later that the log was rewritten, whatever keys the rewriter had.

import puts such a file into anchors/ of the log's folder, where \`log verify\` finds it, after it was held against the tree.

Exit codes: 3 the anchor is of another log, or of another history of this one; 6 the log cannot be written.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const [what = "", file = ""] = input.positionals;
  const log = await logFolderOf(input, context);
  const path = resolve(context.cwd, file);
  switch (what) {
    case "export":
      return await exportAnchor(log, path);
    case "import":
      return await importAnchor(log, path);
    default:
      throw new AppError(
        { class: "usage", code: "USAGE" },
        `Cannot do "log anchor ${what}": expected export or import`,
      );
  }
}

async function exportAnchor(log: string, path: string): Promise<Outcome> {
  // Nobody has to write for it: a log that was closed in order is covered to its end.
  await (await askWriter(log))?.checkpoint();
  const { note } = await readNewestNote(log);
  if (note === undefined) throw withoutCheckpoint(log);
  await writeFileWhole(path, note);
  const { text } = parseNote(note);
  return outcomeOf(parseCheckpoint(text), text, `written to ${path}`);
}

async function importAnchor(log: string, path: string): Promise<Outcome> {
  const { note, text, checkpoint } = await readAnchor(path);
  await compare(log, path, checkpoint);
  const name = anchorName(checkpoint.size, hex(checkpoint.root));
  await asOwner(log, async () => {
    await writeFileWhole(join(anchorsFolder(log), name), note, 0o600);
    await syncPath(anchorsFolder(log));
  });
  return outcomeOf(checkpoint, text, `this log grows out of it; kept as anchors/${name}`);
}

async function readAnchor(path: string) {
  try {
    const note = await readFile(path, "utf8");
    const { text } = parseNote(note);
    return { note, text, checkpoint: parseCheckpoint(text) };
  } catch (error) {
    throw new AppError(
      { class: "usage", code: "ANCHOR_UNREADABLE" },
      `Cannot read the anchor "${path}": ${messageOf(error)}`,
      { cause: error, fields: { path } },
    );
  }
}

/** Who signed it does not matter where the tree agrees; where it does not, `log verify` says whether this log's key signed it. */
async function compare(log: string, path: string, { origin, size, root }: Checkpoint): Promise<void> {
  const own = (await readCheckpointNotes(log)).map((note) => parseCheckpoint(parseNote(note).text));
  const newest = own.at(-1);
  if (newest === undefined) throw withoutCheckpoint(log);
  if (origin !== newest.origin)
    throw differs(path, `it is of the log ${origin}, this one is ${newest.origin}`);
  if (size > newest.size)
    throw differs(path, `it speaks of ${size} records, this log's checkpoints of ${newest.size}`);
  const ours = await readRoot(size, openTileStore(treeFolder(log)).reader(newest.size));
  if (Buffer.compare(ours, root) !== 0)
    throw differs(path, `of the first ${size} records its root is ${hex(root)}, this log's is ${hex(ours)}`);
}

function outcomeOf({ origin, size, root }: Checkpoint, text: string, end: string): Outcome {
  const words = wordsOf(createHash("sha256").update(text).digest());
  const rows = [0, 4, 8, 12].map((from) => `  ${words.slice(from, from + 4).join(" ")}`);
  const groups = hex(root).match(/.{8}/g) ?? [];
  return {
    data: { origin, size, root: hex(root), fingerprint: words.join(" ") },
    text: [
      `log          ${origin}`,
      `records      ${size}`,
      `root         ${groups.slice(0, 4).join(" ")}`,
      `             ${groups.slice(4).join(" ")}`,
      "fingerprint",
      ...rows,
      end,
    ].join("\n"),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function withoutCheckpoint(log: string): AppError {
  return new AppError(
    { class: "integrity", code: "NO_CHECKPOINT" },
    `Cannot anchor the log in "${log}": it has no checkpoint`,
    { fields: { path: log }, hint: "The gateway writes the first one when it starts" },
  );
}

function differs(path: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "ANCHOR_DIFFERS" },
    `Cannot take the anchor "${path}": ${why}`,
    {
      fields: { path },
      hint: "`cloister log verify --anchor FILE` says whether this log's own key signed it. Keep both as they are",
    },
  );
}
