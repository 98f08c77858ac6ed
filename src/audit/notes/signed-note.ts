/** C2SP signed-note: a text, an empty line, and a line for each signature. */
import { AppError } from "../../shared/errors.ts";
import { parseBase64, toBase64 } from "./base64.ts";
import { NOTE_SIGNATURE, type Signer, type Verifier } from "./keys.ts";

type NoteSignature = { readonly name: string; readonly id: number; readonly signature: Uint8Array };

export type SignedNote = {
  /** What is signed, its last newline included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
};

export const MAX_NOTE_BYTES = 1 << 20;
const MAX_SIGNATURES = 100;
const ID_BYTES = 4;

export function signNote(text: string, signer: Signer): string {
  return `${text}\n${signatureLine(signer, signer.sign(Buffer.from(text)))}`;
}

/** One line with its newline: "— name base64(id || signature)". */
export function signatureLine({ name, id }: Pick<Verifier, "name" | "id">, signature: Uint8Array): string {
  const head = Buffer.alloc(ID_BYTES);
  head.writeUInt32BE(id);
  return `— ${name} ${toBase64(Buffer.concat([head, signature]))}\n`;
}

/** Throws AppError NOTE_MALFORMED (integrity). Says nothing of whether a signature is right. */
export function parseNote(note: string): SignedNote {
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES) throw malformed("it is too long");
  // oxlint-disable-next-line no-control-regex -- The specification allows no other control character than newline.
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw malformed("it has a control character");
  const split = note.lastIndexOf("\n\n");
  if (split === -1) throw malformed("no empty line stands before its signatures");
  return { text: note.slice(0, split + 1), signatures: parseSignatures(note.slice(split + 2)) };
}

function parseSignatures(lines: string): readonly NoteSignature[] {
  if (!lines.endsWith("\n")) throw malformed("its last line does not end");
  const each = lines.slice(0, -1).split("\n");
  if (each.length > MAX_SIGNATURES) throw malformed("it has too many signatures");
  return each.map((line) => {
    const [, name, encoded = ""] = /^— ([^\p{White_Space}+]+) (\S+)$/u.exec(line) ?? [];
    const bytes = parseBase64(encoded);
    if (name === undefined || bytes === undefined || bytes.length <= ID_BYTES)
      throw malformed("a line of its signatures is none");
    return {
      name,
      id: Buffer.from(bytes).readUInt32BE(0),
      signature: bytes.subarray(ID_BYTES),
    };
  });
}

/**
 * True where one of the signatures is this verifier's and right, and none of this verifier's is wrong. A witness's key never signs a
 * note's text itself: `cosignedAt` is for those.
 */
export function isSignedBy(note: SignedNote, verifier: Verifier): boolean {
  if (verifier.type !== NOTE_SIGNATURE) return false;
  const own = note.signatures.filter(({ name, id }) => name === verifier.name && id === verifier.id);
  return own.length > 0 && own.every(({ signature }) => verifier.verify(Buffer.from(note.text), signature));
}

function malformed(why: string): AppError {
  return new AppError({ class: "integrity", code: "NOTE_MALFORMED" }, `Cannot read a signed note: ${why}`);
}
