/** From the words after `cloister` to a command and its input, by what the command says of itself. */
import { parseArgs } from "node:util";
import {
  toInput,
  type Command,
  type CommandInput,
  type CommandOption,
  type OptionValues,
} from "../commands/command.ts";
import { AppError, messageOf } from "../shared/errors.ts";

type GlobalFlags = { readonly json: boolean; readonly quiet: boolean };

export type Invocation =
  | {
      readonly kind: "run";
      readonly command: Command;
      readonly input: CommandInput;
      readonly flags: GlobalFlags;
    }
  /** Of one command, of those that share a first word, or of all. */
  | { readonly kind: "help"; readonly command?: Command; readonly group?: string }
  | { readonly kind: "version" };

/** Options that every verb takes. */
export const GLOBAL_OPTIONS: Readonly<Record<string, CommandOption>> = {
  json: { type: "boolean", help: "print one JSON document and nothing else on standard output" },
  quiet: { type: "boolean", help: "no progress on standard error" },
  help: { type: "boolean", short: "h", help: "this text" },
};

/** Throws AppError of class usage: VERB_UNKNOWN, USAGE. */
export function parseInvocation(words: readonly string[], commands: readonly Command[]): Invocation {
  const [verb, ...others] = words;
  if (verb === undefined || verb === "--help" || verb === "-h") return { kind: "help" };
  if (verb === "help") return others.length === 0 ? { kind: "help" } : helpAbout(others, commands);
  if (verb === "--version" || verb === "version") return { kind: "version" };
  if (isGroup(words, commands)) return { kind: "help", group: verb };
  const { command, rest } = find(words, commands);
  const { values, positionals } = parseWords(rest, command);
  if (values["help"] === true) return { kind: "help", command };
  const { minimum, maximum } = command.positionals;
  if (positionals.length < minimum || positionals.length > maximum) throw wrongCount(command, positionals);
  const flags = { json: values["json"] === true, quiet: values["quiet"] === true };
  return { kind: "run", command, input: toInput(values, positionals), flags };
}

function helpAbout(words: readonly string[], commands: readonly Command[]): Invocation {
  if (isGroup(words, commands)) return { kind: "help", group: words[0] ?? "" };
  return { kind: "help", command: find(words, commands).command };
}

/** The first word of verbs that have two, with nothing or a question after it. */
function isGroup([first = "", second]: readonly string[], commands: readonly Command[]): boolean {
  const isAsked = second === undefined || second === "--help" || second === "-h";
  return isAsked && commands.some(({ name }) => name.startsWith(`${first} `));
}

/** A verb has one word or two: "load", "log tail". */
function find(
  [first = "", ...others]: readonly string[],
  commands: readonly Command[],
): { readonly command: Command; readonly rest: readonly string[] } {
  const second = others[0] ?? "";
  const two = commands.find(({ name }) => name === `${first} ${second}`);
  if (two !== undefined) return { command: two, rest: others.slice(1) };
  const one = commands.find(({ name }) => name === first);
  if (one !== undefined) return { command: one, rest: others };
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  throw group.length === 0
    ? unknown(first, visible(commands))
    : unknown(`${first} ${second}`, visible(group));
}

function unknown(verb: string, expected: readonly string[]): AppError {
  return new AppError(
    { class: "usage", code: "VERB_UNKNOWN" },
    `Cannot do "${verb}": no such verb, expected one of ${expected.join(", ")}`,
    { hint: "`cloister --help` says what each does" },
  );
}

/** A verb without a summary is one that cloister calls itself. */
function visible(commands: readonly Command[]): readonly string[] {
  return commands.filter(({ summary }) => summary !== "").map(({ name }) => name);
}

function parseWords(
  words: readonly string[],
  command: Command,
): { values: OptionValues; positionals: string[] } {
  try {
    return parseArgs({
      args: [...words],
      options: { ...command.options, ...GLOBAL_OPTIONS },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw usage(command, messageOf(error).split(". To specify")[0] ?? "");
  }
}

function wrongCount(command: Command, positionals: readonly string[]): AppError {
  const { minimum, maximum } = command.positionals;
  const wanted = minimum === maximum ? String(minimum) : `${minimum} to ${maximum}`;
  return usage(command, `${positionals.length} arguments, expected ${wanted}`);
}

function usage(command: Command, why: string): AppError {
  return new AppError({ class: "usage", code: "USAGE" }, `Cannot run "${command.name}": ${why}`, {
    hint: `cloister ${command.name} ${command.usage}`.trim(),
  });
}
