import { AppError, messageOf } from "../../shared/errors.ts";

/** The one error that every waiting and every later append gets. Throws nothing. */
export function unwritable(cause: unknown, what: string): AppError {
  if (cause instanceof AppError && cause.code === "LOG_UNWRITABLE") return cause;
  return new AppError(
    { class: "engine", code: "LOG_UNWRITABLE" },
    `Cannot write the audit log: ${what}: ${messageOf(cause)}`,
    { cause, hint: "Nothing is answered until the log can be written and the gateway was started again" },
  );
}
