/** What a person, or a program that asked for --json, is told when a command throws. */
import type { Json } from "../shared/canonical-json.ts";
import { AppError, messageOf } from "../shared/errors.ts";

/** What a shell reports for a program that SIGINT ended. */
export const EXIT_INTERRUPTED = 130;

export type Failure = { readonly exitCode: number; readonly text: string; readonly data: Json };

/** After an interrupt every error is its consequence, unless it says that something was left half done. */
export function describeFailure(error: unknown, interrupted: boolean): Failure {
  if (error instanceof AppError && (!interrupted || error.class === "half-done")) return known(error);
  if (interrupted) {
    const message = "Interrupted; what was half done was taken back";
    return {
      exitCode: EXIT_INTERRUPTED,
      text: `cloister: ${message}\n`,
      data: { error: { code: "INTERRUPTED", message } },
    };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    exitCode: 1,
    text: `cloister: this is a defect in cloister, please report it with these lines:\n${stack}\n`,
    data: { error: { code: "DEFECT", message: messageOf(error) } },
  };
}

function known(error: AppError): Failure {
  const hint = error.hint === undefined ? "" : `hint: ${error.hint}\n`;
  return {
    exitCode: error.exitCode,
    text: `cloister: ${error.message}\n${hint}`,
    data: {
      error: {
        class: error.class,
        code: error.code,
        message: error.message,
        hint: error.hint,
        fields: error.fields,
      },
    },
  };
}
