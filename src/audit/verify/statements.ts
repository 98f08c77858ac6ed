/** Signed statements about the log's tree: its checkpoints, anchors that were carried out, what the witness saw last. */
import { parseCheckpoint, type Checkpoint } from "../notes/checkpoint.ts";
import { cosignedAt } from "../notes/cosignature.ts";
import type { Verifier } from "../notes/keys.ts";
import { isSignedBy, parseNote, type SignedNote } from "../notes/signed-note.ts";
import { AppError } from "../../shared/errors.ts";

export type Statement = Checkpoint & { readonly from: string; readonly note: SignedNote };

export type NoteSource = { readonly from: string; readonly text: string };

/** Smallest tree first. `broken` are notes that cannot be read. */
export function readStatements(sources: readonly NoteSource[]): {
  readonly statements: readonly Statement[];
  readonly broken: readonly string[];
} {
  const statements: Statement[] = [];
  const broken: string[] = [];
  for (const { from, text } of sources) {
    try {
      const note = parseNote(text);
      statements.push({ ...parseCheckpoint(note.text), from, note });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      broken.push(`${from}: ${error.message}`);
    }
  }
  return { statements: statements.sort((a, b) => a.size - b.size), broken };
}

/** The key of the log that signed it, of those given. */
export function signerAmong(statement: Statement, keys: readonly Verifier[]): Verifier | undefined {
  return keys.find((key) => isSignedBy(statement.note, key));
}

/** `absent` where this witness has not signed it at all. */
export function cosignatureBy(statement: Statement, witness: Verifier): "right" | "wrong" | "absent" {
  const has = statement.note.signatures.some(({ name, id }) => name === witness.name && id === witness.id);
  if (!has) return "absent";
  return cosignedAt(statement.note, witness) === undefined ? "wrong" : "right";
}
