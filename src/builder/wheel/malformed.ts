import { AppError } from "../../shared/errors.ts";

/** `name` is the wheel's file name. */
export function malformedWheel(name: string, why: string, cause?: unknown): AppError {
  return new AppError({ class: "integrity", code: "WHEEL_MALFORMED" }, `Cannot install "${name}": ${why}`, {
    cause,
    fields: { path: name },
  });
}
