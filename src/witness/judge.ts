/** What a witness answers to add-checkpoint (C2SP tlog-witness). */
import { parseAddCheckpoint, type AddCheckpoint } from "../audit/notes/add-checkpoint.ts";
import { parseCheckpoint, type Checkpoint } from "../audit/notes/checkpoint.ts";
import { cosign } from "../audit/notes/cosignature.ts";
import { parseVerifier, type Signer, type Verifier } from "../audit/notes/keys.ts";
import { isSignedBy, parseNote, type SignedNote } from "../audit/notes/signed-note.ts";
import { emptyRoot, verifyConsistency } from "../audit/tree/rfc6962.ts";
import { AppError } from "../shared/errors.ts";
import { checkpointOf, type Head, type WitnessState } from "./state.ts";

export type WitnessAnswer = { readonly status: 200 | 400 | 403 | 404 | 409 | 422; readonly body: string };

export type WitnessDeps = {
  readonly state: WitnessState;
  readonly key: Signer;
  /** Seconds since 1970. */
  readonly now: () => number;
};

type Submission = {
  readonly request: AddCheckpoint;
  readonly note: SignedNote;
  readonly checkpoint: Checkpoint;
  /** The verifier key that came along. */
  readonly claimed: Verifier | undefined;
};

/**
 * The first checkpoint of a log is taken on trust, with the verifier key that came along; from then on every one must be signed by
 * that key and grow out of the one before. A note that a new key has signed as well makes that one the log's. What is answered with
 * 200 was remembered durably first. Calls must not overlap. Throws AppError WITNESS_STATE (integrity).
 */
export async function judgeAddCheckpoint(
  body: string,
  logKey: string | undefined,
  { state, key, now }: WitnessDeps,
): Promise<WitnessAnswer> {
  const submission = parse(body, logKey);
  if (submission === undefined) return { status: 400, body: "malformed\n" };
  const { request, note, checkpoint, claimed } = submission;
  const known = await state.head(checkpoint.origin);
  const expected = known === undefined ? claimed : parseVerifier(known.logKey);
  if (expected === undefined) return { status: 404, body: "unknown log\n" };
  if (!isSignedBy(note, expected)) return { status: 403, body: "not signed by the log's key\n" };
  const refusal = compare(submission, known);
  if (refusal !== undefined) return refusal;
  const line = cosign(note.text, key, now());
  await state.remember({
    origin: checkpoint.origin,
    logKey: claimed !== undefined && isSignedBy(note, claimed) ? claimed.vkey : expected.vkey,
    note: `${request.note}${line}`,
  });
  return { status: 200, body: line };
}

/** In the order of the specification, as a refusal says which check came first. */
function compare({ request, checkpoint }: Submission, known: Head | undefined): WitnessAnswer | undefined {
  const before = known === undefined ? { size: 0, root: emptyRoot() } : checkpointOf(known);
  if (request.old > checkpoint.size) return { status: 400, body: "old is larger than the checkpoint\n" };
  if (request.old !== before.size) return { status: 409, body: `${before.size}\n` };
  if (checkpoint.size === 0 && Buffer.compare(checkpoint.root, emptyRoot()) !== 0)
    return { status: 422, body: "not the root of the empty tree\n" };
  return verifyConsistency(before, checkpoint, request.proof)
    ? undefined
    : { status: 422, body: "not consistent with what was seen\n" };
}

function parse(body: string, logKey: string | undefined): Submission | undefined {
  try {
    const request = parseAddCheckpoint(body);
    const note = parseNote(request.note);
    const claimed = logKey === undefined ? undefined : parseVerifier(logKey);
    return { request, note, checkpoint: parseCheckpoint(note.text), claimed };
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
