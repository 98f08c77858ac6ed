/** What a witness answers to add-checkpoint (C2SP tlog-witness). */
import { parseAddCheckpoint } from "../audit/notes/add-checkpoint.ts";
import { parseCheckpoint, type Checkpoint } from "../audit/notes/checkpoint.ts";
import { cosign } from "../audit/notes/cosignature.ts";
import { parseVerifier, type Signer } from "../audit/notes/keys.ts";
import { isSignedBy, parseNote, type SignedNote } from "../audit/notes/signed-note.ts";
import { verifyConsistency } from "../audit/tree/rfc6962.ts";
import { AppError } from "../shared/errors.ts";
import { checkpointOf, type Head, type WitnessState } from "./state.ts";

export type WitnessAnswer = { readonly status: 200 | 400 | 403 | 404 | 409 | 422; readonly body: string };

export type WitnessDeps = {
  readonly state: WitnessState;
  readonly key: Signer;
  /** Seconds since 1970. */
  readonly now: () => number;
};

/**
 * The first checkpoint of a log is taken on trust, with the verifier key that came along; from then on every one must be signed by
 * that key and grow out of the one before. A note that a new key has signed as well makes that one the log's. What is answered with 200 was remembered durably first.
 */
export async function judgeAddCheckpoint(
  body: string,
  logKey: string | undefined,
  { state, key, now }: WitnessDeps,
): Promise<WitnessAnswer> {
  const parsed = parse(body);
  if (parsed === undefined) return { status: 400, body: "malformed\n" };
  const { request, note, checkpoint } = parsed;
  const known = await state.head(checkpoint.origin);
  const expected = known?.logKey ?? logKey;
  if (expected === undefined) return { status: 404, body: "unknown log\n" };
  if (!isSignedBy(note, parseVerifier(expected)))
    return { status: 403, body: "not signed by the log's key\n" };
  const isNewKeyVouchedFor =
    logKey !== undefined && logKey !== expected && isSignedBy(note, parseVerifier(logKey));
  const refusal = compare(checkpoint, { old: request.old, proof: request.proof, known });
  if (refusal !== undefined) return refusal;
  const line = cosign(note.text, key, now());
  await state.remember({
    origin: checkpoint.origin,
    logKey: isNewKeyVouchedFor ? logKey : expected,
    note: `${request.note}${line}`,
  });
  return { status: 200, body: line };
}

function compare(
  checkpoint: Checkpoint,
  {
    old,
    proof,
    known,
  }: { readonly old: number; readonly proof: readonly Uint8Array[]; readonly known: Head | undefined },
): WitnessAnswer | undefined {
  const before = known === undefined ? undefined : checkpointOf(known);
  const size = before?.size ?? 0;
  if (old > checkpoint.size) return { status: 400, body: "old is larger than the checkpoint\n" };
  if (old !== size) return { status: 409, body: `${size}\n` };
  if (before === undefined)
    return proof.length === 0 ? undefined : { status: 422, body: "a proof from nothing\n" };
  if (checkpoint.size === size && Buffer.compare(checkpoint.root, before.root) !== 0)
    return { status: 409, body: `${size}\n` };
  return verifyConsistency(before, checkpoint, proof)
    ? undefined
    : { status: 422, body: "not consistent with what was seen\n" };
}

function parse(body: string) {
  try {
    const request = parseAddCheckpoint(body);
    const note: SignedNote = parseNote(request.note);
    return { request, note, checkpoint: parseCheckpoint(note.text) };
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
