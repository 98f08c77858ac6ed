import { AppError } from "../../shared/errors.ts";
import { compileSchema, describeSchemaErrors, type Validator } from "../../shared/schema.ts";
import type { Check } from "../check.ts";
import { parseJson } from "../json.ts";
import type { AttemptOutcome } from "./attempt.ts";
import schema from "./answer.schema.json" with { type: "json" };
import type { OutboundView } from "./outbound.ts";

/** What the companion says: one line of JSON on its standard output. */
export type InsideAnswer = {
  readonly format: 1;
  readonly nonce: string;
  readonly checks: readonly Check[];
  /** Paths that the companion's user may not read, judged from the host; absent where the files were not looked at. */
  readonly hidden?: readonly string[];
  /** Judged outside, beside what the twin saw. */
  readonly outbound: OutboundView;
  /** How the attempt at the host's listener ended. */
  readonly gateway?: AttemptOutcome;
};

/** What an answer of a companion must hold: a check that is missing from it was not made. */
export const INSIDE_CHECKS = ["image-files", "processes", "read-only-root", "routes", "names"] as const;

/** And of a container that answers completions. */
export const SERVER_CHECKS = ["health", "models", "completion"] as const;

const validate: Validator<InsideAnswer> = compileSchema<InsideAnswer>(schema);

/** Throws AppError VERIFY_ANSWER_INVALID (inconclusive) for anything but a whole answer to this very run. */
export function parseInsideAnswer(output: string, nonce: string): InsideAnswer {
  const value = parseJson(output.trim());
  if (value === undefined) throw invalid(`it is no JSON: ${JSON.stringify(output.slice(0, 200))}`);
  if (!validate(value)) throw invalid(describeSchemaErrors(validate.errors));
  if (value.nonce !== nonce) throw invalid(`it answers the run ${value.nonce}`);
  return value;
}

function invalid(why: string): AppError {
  return new AppError(
    { class: "inconclusive", code: "VERIFY_ANSWER_INVALID" },
    `Cannot use what the companion container answered: ${why}, expected the checks of this run`,
  );
}
