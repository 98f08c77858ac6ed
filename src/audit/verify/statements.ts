/** Signed statements about the log's tree: its checkpoints, anchors that were carried out, what the witness saw last. */
import { parseCheckpoint, type Checkpoint } from "../notes/checkpoint.ts";
import { cosignedAt } from "../notes/cosignature.ts";
import type { Verifier } from "../notes/keys.ts";
import { isSignedBy, parseNote, type SignedNote } from "../notes/signed-note.ts";
import { AppError } from "../../shared/errors.ts";

export type NoteSource = { readonly from: string; readonly text: string };

/** `isOwn`: it stands in the log's folder, where who changes the log can change it as well. */
export type Statement = Checkpoint & {
  readonly from: string;
  readonly isOwn: boolean;
  readonly note: SignedNote;
};

export type Statements = {
  /** Smallest tree first. */
  readonly statements: readonly Statement[];
  /** Why some of them cannot be read. */
  readonly broken: readonly string[];
};

export function readStatements(own: readonly string[], outside: readonly NoteSource[]): Statements {
  const statements: Statement[] = [];
  const broken: string[] = [];
  const sources = [
    ...own.map((text) => ({ from: "checkpoints", text, isOwn: true })),
    ...outside.map((source) => ({ ...source, isOwn: false })),
  ];
  for (const { from, text, isOwn } of sources) {
    try {
      const note = parseNote(text);
      statements.push({ ...parseCheckpoint(note.text), from, isOwn, note });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      broken.push(`${from}: ${error.message}`);
    }
  }
  return { statements: statements.sort((a, b) => a.size - b.size), broken };
}

/** Of the signatures under the log's own name: whether one is this key's, one is wrong, one is of a key that is not among `keys`. */
export function signaturesOf(
  statement: Statement,
  keys: readonly Verifier[],
): { readonly right: readonly Verifier[]; readonly wrong: boolean; readonly unknown: boolean } {
  const { note, origin } = statement;
  const named = note.signatures.filter(({ name }) => name === origin);
  const signers = keys.filter((key) => named.some(({ id }) => id === key.id));
  const right = signers.filter((key) => isSignedBy(note, key));
  return {
    right,
    wrong: right.length < signers.length,
    unknown: named.some(({ id }) => signers.every((key) => key.id !== id)),
  };
}

/** `absent` where this witness has not signed it at all. */
export function cosignatureBy(statement: Statement, witness: Verifier): "right" | "wrong" | "absent" {
  const has = statement.note.signatures.some(({ name, id }) => name === witness.name && id === witness.id);
  if (!has) return "absent";
  return cosignedAt(statement.note, witness) === undefined ? "wrong" : "right";
}
