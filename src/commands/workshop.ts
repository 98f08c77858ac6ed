/** What the verbs of the connected side have in common: where recipes, inputs and mirrors are. */
import { join, resolve } from "node:path";
import { readMirrors, type Mirrors } from "../builder/lock/mirrors.ts";
import { AppError } from "../shared/errors.ts";
import { defaultStoreRoot } from "../shared/store/location.ts";
import type { CommandContext, CommandInput, CommandOption } from "./command.ts";

export const STORE_OPTION = {
  type: "string",
  value: "DIR",
  help: "where inputs and results are kept (CLOISTER_STORE, else the cache folder)",
} as const satisfies CommandOption;

export const IMAGES_OPTION = {
  type: "string",
  value: "DIR",
  help: "the folder of recipes and locks (cloister's own images/)",
} as const satisfies CommandOption;

export const MIRROR_OPTION = {
  type: "string",
  multiple: true,
  value: "NAME=URL",
  help: "debian, debian-security, pypi (its simple index) or npm; else as apt, pip and npm are set",
} as const satisfies CommandOption;

export const JOBS_OPTION = {
  type: "string",
  value: "N",
  help: "downloads at a time (6)",
} as const satisfies CommandOption;

const DEFAULT_JOBS = 6;

export function storeRoot(input: CommandInput, context: CommandContext): string {
  const given = input.text("store");
  return given === undefined ? defaultStoreRoot(context.env) : resolve(context.cwd, given);
}

export function imagesFolder(input: CommandInput, context: CommandContext): string {
  const given = input.text("images");
  return given === undefined ? join(import.meta.dirname, "../../images") : resolve(context.cwd, given);
}

export function mirrorsOf(input: CommandInput, context: CommandContext): Mirrors {
  return readMirrors(input.list("mirror"), { env: context.env, cwd: context.cwd });
}

/** Throws AppError OPTION_INVALID (usage). */
export function jobsOf(input: CommandInput): number {
  const text = input.text("jobs") ?? String(DEFAULT_JOBS);
  const jobs = Number(text);
  if (/^\d{1,3}$/.test(text) && jobs > 0) return jobs;
  throw new AppError(
    { class: "usage", code: "OPTION_INVALID" },
    `Cannot use --jobs "${text}": expected a number from 1 to 999`,
  );
}
