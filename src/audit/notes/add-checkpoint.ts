/** Body of C2SP tlog-witness's add-checkpoint: "old N", a consistency proof in base64 lines, an empty line, the signed note. */
import { AppError } from "../../shared/errors.ts";
import { parseHash, toBase64 } from "./base64.ts";

/**
 * Not of the specification: the verifier key of the log. Believed of a log that the witness has never seen, and of one whose known key
 * has signed the note as well.
 */
export const LOG_KEY_HEADER = "x-cloister-log-key";

export type AddCheckpoint = {
  /** Size of the tree that the witness saw last. */
  readonly old: number;
  readonly proof: readonly Uint8Array[];
  readonly note: string;
};

/** Set by the specification. */
const MAX_PROOF = 63;

export function formatAddCheckpoint({ old, proof, note }: AddCheckpoint): string {
  const lines = proof.map((hash) => `${toBase64(hash)}\n`);
  return `old ${old}\n${lines.join("")}\n${note}`;
}

/** Throws AppError ADD_CHECKPOINT_MALFORMED (usage). */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const end = body.indexOf("\n\n");
  const [first = "", ...lines] = body.slice(0, Math.max(end, 0)).split("\n");
  const [, old] = /^old (0|[1-9]\d{0,15})$/.exec(first) ?? [];
  if (end === -1 || old === undefined) throw malformed('it does not begin with "old" and a size');
  if (lines.length > MAX_PROOF) throw malformed("its proof is too long");
  return { old: Number(old), proof: lines.map(parseProofLine), note: body.slice(end + 2) };
}

function parseProofLine(line: string): Uint8Array {
  const hash = parseHash(line);
  if (hash === undefined) throw malformed("a line of its proof is no hash");
  return hash;
}

function malformed(why: string): AppError {
  return new AppError(
    { class: "usage", code: "ADD_CHECKPOINT_MALFORMED" },
    `Cannot read an add-checkpoint request: ${why}`,
  );
}
