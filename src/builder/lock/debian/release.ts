/** From a downloaded InRelease to facts that a pinned key has signed. */
import { readCleartextMessage, readKeys, type CleartextMessage, type Key } from "openpgp";
import { digestOf, type Digest } from "../../../shared/digest.ts";
import { messageOf } from "../../../shared/errors.ts";
import { clearsignedFault } from "./clearsigned.ts";
import {
  badSignature,
  expired,
  keyExpired,
  keyMissing,
  malformed,
  notYetValid,
  unknownKey,
  wrongSuite,
} from "./release-errors.ts";
import { parseReleaseFields, type ReleaseFields } from "./release-fields.ts";

export type ReleaseInput = {
  readonly inRelease: Uint8Array;
  /** The codename that the recipe asks for, as in dists/<suite>/. */
  readonly suite: string;
  /** Armoured certificates at hand; only those that `fingerprints` names are used. */
  readonly keys: readonly string[];
  /** Primary key fingerprints that the recipe pins, hexadecimal. */
  readonly fingerprints: readonly string[];
  readonly now: Date;
};

export type Release = ReleaseFields & {
  /** Of the InRelease's bytes. */
  readonly sha256: Digest;
  /** Primary key fingerprint, upper-case hex, of the first pinned certificate with a good signature. */
  readonly signedBy: string;
};

type VerificationResult = Awaited<ReturnType<CleartextMessage["verify"]>>[number];
type PinnedKey = { readonly fingerprint: string; readonly key: Key };

const MAX_BYTES = 8 * 1024 * 1024;
const MAX_SIGNATURES = 16;
/** What apt allows a clock to be behind (Acquire::Max-FutureTime). */
const MAX_CLOCK_DIFFERENCE_MS = 10_000;

/**
 * At least one signature must be by a pinned key that is in force, and none by a pinned key may be bad; signatures by other
 * keys, and by pinned keys that are expired or revoked, say nothing either way. So does apt.
 *
 * A key must be in force twice: when it signed (openpgp.js) and at `now` (apt calls a gpgv EXPKEYSIG worthless; gpgv
 * itself only notes it). Without the second check a retired key that leaked could sign with any date in its past.
 * Builds are not touched when a key expires: they read locks and never a release.
 *
 * A suite without Valid-Until (bookworm itself has none) can be replayed by its mirror; its `date` goes into the lock.
 *
 * Throws AppError: RELEASE_MALFORMED, RELEASE_BAD_SIGNATURE, RELEASE_EXPIRED, RELEASE_NOT_YET_VALID, RELEASE_WRONG_SUITE
 * (integrity); RELEASE_UNKNOWN_KEY, RELEASE_KEY_EXPIRED (authenticity); RELEASE_KEY_MISSING (usage).
 */
export async function verifyRelease(input: ReleaseInput): Promise<Release> {
  const pinned = await pinnedKeys(input);
  const message = await readMessage(input);
  const signedBy = await verifySignatures(message, pinned, input);
  const fields = parseReleaseFields(message.getText(), input.suite);
  if (fields.codename !== input.suite) throw wrongSuite(input.suite, fields.codename);
  refuseWrongTime(fields, input);
  return { ...fields, sha256: digestOf(input.inRelease), signedBy };
}

async function pinnedKeys(input: ReleaseInput): Promise<readonly PinnedKey[]> {
  const lists = await Promise.all(input.keys.map((armoredKeys) => readKeys({ armoredKeys })));
  const known = new Map(lists.flat().map((key) => [key.getFingerprint().toUpperCase(), key]));
  return input.fingerprints.map((text) => {
    const fingerprint = text.toUpperCase();
    const key = known.get(fingerprint);
    if (key === undefined) throw keyMissing(text);
    return { fingerprint, key };
  });
}

async function readMessage(input: ReleaseInput): Promise<CleartextMessage> {
  if (input.inRelease.length > MAX_BYTES) throw malformed(input.suite, `it is over ${MAX_BYTES} bytes`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input.inRelease);
    const fault = clearsignedFault(text);
    if (fault !== undefined) throw new Error(fault);
    const message = await readCleartextMessage({ cleartextMessage: text });
    if (message.getSigningKeyIDs().length > MAX_SIGNATURES) throw new Error("it has too many signatures");
    return message;
  } catch (error) {
    throw malformed(input.suite, messageOf(error), error);
  }
}

/** The fingerprint that `signedBy` is documented to be. */
async function verifySignatures(
  message: CleartextMessage,
  pinned: readonly PinnedKey[],
  input: ReleaseInput,
): Promise<string> {
  const latest = new Date(input.now.getTime() + MAX_CLOCK_DIFFERENCE_MS);
  const results = await message.verify(
    pinned.map(({ key }) => key),
    latest,
  );
  const good = new Set<string>();
  let outOfForce: unknown;
  for (const result of results) {
    const signer = pinned.find(({ key }) => key.getKeys(result.keyID).length > 0);
    if (signer === undefined) continue;
    const failure = await failureToday(signer.key, result, input.now);
    if (failure !== undefined) {
      outOfForce ??= keyExpired(input.suite, signer.fingerprint, failure.cause);
      continue;
    }
    await verifyOne(result, { signer, latest, suite: input.suite });
    good.add(signer.fingerprint);
  }
  const first = pinned.find(({ fingerprint }) => good.has(fingerprint));
  if (first !== undefined) return first.fingerprint;
  if (outOfForce !== undefined) throw outOfForce;
  const keyIds = results.map(({ keyID }) => keyID.toHex().toUpperCase());
  throw unknownKey(input.suite, { keyIds, pinned: pinned.map(({ fingerprint }) => fingerprint) });
}

async function verifyOne(
  result: VerificationResult,
  context: { readonly signer: PinnedKey; readonly latest: Date; readonly suite: string },
): Promise<void> {
  const created = (await result.signature).packets[0]?.created;
  if (created instanceof Date && created > context.latest) throw notYetValid(context.suite, created);
  try {
    await result.verified;
  } catch (error) {
    throw badSignature(context.suite, context.signer.fingerprint, error);
  }
}

async function failureToday(
  key: Key,
  result: VerificationResult,
  now: Date,
): Promise<{ readonly cause: unknown } | undefined> {
  try {
    await key.getSigningKey(result.keyID, now);
    return undefined;
  } catch (cause) {
    return { cause };
  }
}

function refuseWrongTime(fields: ReleaseFields, input: ReleaseInput): void {
  const nowMs = input.now.getTime();
  if (fields.date * 1000 > nowMs + MAX_CLOCK_DIFFERENCE_MS) {
    throw notYetValid(input.suite, new Date(fields.date * 1000));
  }
  if (fields.validUntil !== undefined && fields.validUntil * 1000 < nowMs) {
    throw expired(input.suite, new Date(fields.validUntil * 1000));
  }
}
