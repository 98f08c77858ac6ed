/** What building and rebuilding have in common. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { AppError } from "../shared/errors.ts";
import type { CommandInput, CommandOption } from "./command.ts";
import { jobsOf } from "./workshop.ts";

export const REPOSITORY = join(import.meta.dirname, "../..");

export const BACKENDS_OPTION = {
  type: "string",
  value: "all|one",
  help: "CPU backends to compile: all, or the one for AVX2 alone (all)",
} as const satisfies CommandOption;

export const BUILD_JOBS_OPTION = {
  type: "string",
  value: "N",
  help: "compiler processes at a time (as many as there are processors)",
} as const satisfies CommandOption;

/** Throws AppError OPTION_INVALID (usage). */
export function backendsOf(input: CommandInput): "all" | "one" {
  const text = input.text("backends") ?? "all";
  if (text === "all" || text === "one") return text;
  throw new AppError(
    { class: "usage", code: "OPTION_INVALID" },
    `Cannot use --backends "${text}": expected all or one`,
  );
}

/** Throws AppError OPTION_INVALID (usage). */
export function compilerJobs(input: CommandInput): number {
  return input.text("jobs") === undefined ? availableParallelism() : jobsOf(input);
}
