import { AppError } from "../../../shared/errors.ts";

/** `name` says which package it is. */
export function malformedDeb(name: string, why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "integrity", code: "DEB_MALFORMED" },
    `Cannot unpack "${name}" as a Debian package: ${why}`,
    { fields: { package: name }, ...(cause === undefined ? {} : { cause }) },
  );
}
