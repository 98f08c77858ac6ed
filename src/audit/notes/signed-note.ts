/** C2SP signed-note: a text, an empty line, and a line for each signature. */
import { AppError } from "../../shared/errors.ts";
import type { Signer, Verifier } from "./keys.ts";

export type NoteSignature = { readonly name: string; readonly id: number; readonly signature: Uint8Array };

export type SignedNote = {
  /** What is signed, its last newline included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
};

const MAX_NOTE_BYTES = 1 << 20;
const MAX_SIGNATURES = 100;
const ID_BYTES = 4;

export function signNote(text: string, signer: Signer): string {
  return `${text}\n${signatureLine(signer, signer.sign(Buffer.from(text)))}`;
}

/** One line with its newline: "— name base64(id || signature)". */
export function signatureLine({ name, id }: Pick<Verifier, "name" | "id">, signature: Uint8Array): string {
  const head = Buffer.alloc(ID_BYTES);
  head.writeUInt32BE(id);
  return `— ${name} ${Buffer.concat([head, signature]).toString("base64")}\n`;
}

/** Throws AppError NOTE_MALFORMED (integrity). Says nothing of whether a signature is right. */
export function parseNote(note: string): SignedNote {
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES) throw malformed("it is too long");
  const split = note.lastIndexOf("\n\n");
  if (split === -1) throw malformed("no empty line stands before its signatures");
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2);
  // oxlint-disable-next-line no-control-regex -- The specification allows no other control character than newline.
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(text)) throw malformed("its text has a control character");
  return { text, signatures: parseSignatures(lines) };
}

export function parseSignatures(lines: string): readonly NoteSignature[] {
  if (!lines.endsWith("\n")) throw malformed("its last line does not end");
  const each = lines.slice(0, -1).split("\n");
  if (each.length > MAX_SIGNATURES) throw malformed("it has too many signatures");
  return each.map((line) => {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    const bytes = Buffer.from(encoded ?? "", "base64");
    if (name === undefined || bytes.length <= ID_BYTES || bytes.toString("base64") !== encoded)
      throw malformed("a line of its signatures is none");
    return { name, id: bytes.readUInt32BE(0), signature: bytes.subarray(ID_BYTES) };
  });
}

/** True where one of the signatures is this verifier's and right, and none of this verifier's is wrong. */
export function isSignedBy(note: SignedNote, verifier: Verifier): boolean {
  const own = note.signatures.filter(({ name, id }) => name === verifier.name && id === verifier.id);
  return own.length > 0 && own.every(({ signature }) => verifier.verify(Buffer.from(note.text), signature));
}

function malformed(why: string): AppError {
  return new AppError({ class: "integrity", code: "NOTE_MALFORMED" }, `Cannot read a signed note: ${why}`);
}
