import { AppError } from "../../../shared/errors.ts";

export function malformed(suite: string, why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "integrity", code: "RELEASE_MALFORMED" },
    `Cannot read the InRelease of "${suite}": ${why}`,
    {
      hint: "The mirror, or a proxy before it, serves something else than the archive",
      fields: { suite },
      cause,
    },
  );
}

export function badSignature(suite: string, fingerprint: string, cause: unknown): AppError {
  return new AppError(
    { class: "integrity", code: "RELEASE_BAD_SIGNATURE" },
    `Cannot trust the InRelease of "${suite}": the signature by the pinned key ${fingerprint} does not hold`,
    {
      hint: "The file was changed on its way, or is signed with a broken hash; take another mirror",
      fields: { suite, fingerprint },
      cause,
    },
  );
}

export function unknownKey(
  suite: string,
  facts: { keyIds: readonly string[]; pinned: readonly string[] },
): AppError {
  return new AppError(
    { class: "authenticity", code: "RELEASE_UNKNOWN_KEY" },
    `Cannot trust the InRelease of "${suite}": it is signed by key ${facts.keyIds.join(", ")}, expected one of ${facts.pinned.join(", ")}`,
    {
      hint: "If the archive has a new key, add its certificate to images/keys and its fingerprint to the recipe, from a source that you trust",
      fields: { suite, received: facts.keyIds, expected: facts.pinned },
    },
  );
}

export function keyExpired(suite: string, fingerprint: string, cause: unknown): AppError {
  return new AppError(
    { class: "authenticity", code: "RELEASE_KEY_EXPIRED" },
    `Cannot trust the InRelease of "${suite}": the pinned key ${fingerprint} is expired or revoked, expected one in force`,
    { hint: "Refresh images/keys from the archive's keyring package", fields: { suite, fingerprint }, cause },
  );
}

export function keyMissing(fingerprint: string): AppError {
  return new AppError(
    { class: "usage", code: "RELEASE_KEY_MISSING" },
    `Cannot check signatures by "${fingerprint}": no certificate with this primary fingerprint is at hand`,
    { hint: "Put the certificate in images/keys", fields: { fingerprint } },
  );
}

export function wrongSuite(suite: string, codename: string): AppError {
  return new AppError(
    { class: "integrity", code: "RELEASE_WRONG_SUITE" },
    `Cannot use the InRelease of "${suite}": it is the one of "${codename}", expected "${suite}"`,
    {
      hint: "A recipe names suites by codename; otherwise the mirror serves one suite for another",
      fields: { suite, codename },
    },
  );
}

export function expired(suite: string, validUntil: Date): AppError {
  return new AppError(
    { class: "integrity", code: "RELEASE_EXPIRED" },
    `Cannot use the InRelease of "${suite}": it was valid until ${validUntil.toISOString()}, expected a later time`,
    {
      hint: "The mirror is stale and may hide security updates, or this machine's clock is ahead",
      fields: { suite },
    },
  );
}

export function notYetValid(suite: string, date: Date): AppError {
  return new AppError(
    { class: "integrity", code: "RELEASE_NOT_YET_VALID" },
    `Cannot use the InRelease of "${suite}": it is from ${date.toISOString()}, expected a time that has been`,
    { hint: "Check this machine's clock", fields: { suite } },
  );
}
