/** Which records a verb means: by whom, in which conversation, which numbers, or how old. */
import { join, resolve } from "node:path";
import { assertSelector } from "../../audit/maintain/selector.ts";
import { readPepper } from "../../audit/pepper.ts";
import { pseudonym } from "../../audit/pseudonym.ts";
import type { Selector } from "../../audit/record.ts";
import { AppError } from "../../shared/errors.ts";
import type { CommandContext, CommandInput, CommandOption } from "../command.ts";
import { keysFolderOf } from "./at-log.ts";

export const SELECT_OPTIONS = {
  user: {
    type: "string",
    value: "ID|PSEUDONYM",
    help: "what one user asked and was answered: the id as the UI has it, or the pseudonym",
  },
  conversation: {
    type: "string",
    value: "ID|PSEUDONYM",
    help: "one conversation, in the same two ways",
  },
  seq: { type: "string", value: "N|N-M", help: "records by their numbers" },
  before: { type: "string", value: "TIME", help: "everything older: 2026-11-25, or 2026-11-25T08:00:00Z" },
  pepper: {
    type: "string",
    value: "FILE",
    help: "the secret that makes pseudonyms of ids (keys/pepper beside the log)",
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

export const SELECT_USAGE = "--user ID | --conversation ID | --seq N-M | --before TIME";

type At = { readonly log: string; readonly context: CommandContext };

/** undefined where none was named. Throws AppError SELECTOR_INVALID (usage), PEPPER_MISSING, PEPPER_INVALID (preflight). */
export async function selectorOf(input: CommandInput, at: At): Promise<Selector | undefined> {
  const named = (["user", "conversation", "seq", "before"] as const).flatMap((by) => {
    const value = input.text(by);
    return value === undefined ? [] : [{ by, value }];
  });
  const [one, ...more] = named;
  if (one === undefined) return undefined;
  if (more.length > 0)
    throw invalid(`--${one.by} and --${more[0]?.by ?? ""} were given, expected one of them`);
  return assertSelector(await parse(one, { ...at, input }));
}

async function parse(
  { by, value }: { readonly by: Selector["by"]; readonly value: string },
  at: At & { readonly input: CommandInput },
): Promise<Selector> {
  switch (by) {
    case "user":
      return { by, user: await pseudonymOf("user", value, at) };
    case "conversation":
      return { by, conversation: await pseudonymOf("conversation", value, at) };
    case "seq": {
      const [, first, last] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(value) ?? [];
      if (first === undefined) throw invalid(`"${value}" is no sequence number`);
      return { by, first: Number(first), last: Number(last ?? first) };
    }
    case "before":
      return { by, before: parseTime(value) };
  }
}

async function pseudonymOf(
  kind: "user" | "conversation",
  value: string,
  { input, log, context }: At & { readonly input: CommandInput },
): Promise<string> {
  if (/^[0-9a-f]{32}$/.test(value)) return value;
  const path = resolve(context.cwd, input.text("pepper") ?? join(keysFolderOf(log), "pepper"));
  const pepper = await readPepper(path);
  if (pepper !== undefined) return pseudonym(pepper, kind, value);
  throw new AppError(
    { class: "preflight", code: "PEPPER_MISSING" },
    `Cannot tell the pseudonym of a ${kind}: the secret that makes them is not in "${path}"`,
    { fields: { path }, hint: "Give the pseudonym as it stands in the ledger, or --pepper FILE" },
  );
}

function parseTime(value: string): string {
  const time = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{3})?)?Z)?$/.test(value)
    ? Date.parse(value)
    : Number.NaN;
  if (Number.isNaN(time)) throw invalid(`"${value}" is no date, or no time in UTC`);
  return new Date(time).toISOString();
}

function invalid(why: string): AppError {
  return new AppError({ class: "usage", code: "SELECTOR_INVALID" }, `Cannot select records: ${why}`, {
    hint: SELECT_USAGE,
  });
}
