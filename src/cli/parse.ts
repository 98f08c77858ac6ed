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
  | { readonly kind: "help"; readonly command?: Command }
  | { readonly kind: "version" };

/** Options that every verb takes. */
export const GLOBAL_OPTIONS: Readonly<Record<string, CommandOption>> = {
  json: { type: "boolean", help: "print one JSON document and nothing else on standard output" },
  quiet: { type: "boolean", help: "no progress on standard error" },
  help: { type: "boolean", short: "h", help: "this text" },
};

/** Throws AppError of class usage: VERB_UNKNOWN, USAGE. */
export function parseInvocation(words: readonly string[], commands: readonly Command[]): Invocation {
  const [verb, ...rest] = words;
  if (verb === undefined || verb === "help" || verb === "--help" || verb === "-h")
    return rest[0] === undefined ? { kind: "help" } : { kind: "help", command: find(rest[0], commands) };
  if (verb === "--version" || verb === "version") return { kind: "version" };
  const command = find(verb, commands);
  const { values, positionals } = parseWords(rest, command);
  if (values["help"] === true) return { kind: "help", command };
  const { minimum, maximum } = command.positionals;
  if (positionals.length < minimum || positionals.length > maximum) throw wrongCount(command, positionals);
  const flags = { json: values["json"] === true, quiet: values["quiet"] === true };
  return { kind: "run", command, input: toInput(values, positionals), flags };
}

function find(verb: string, commands: readonly Command[]): Command {
  const command = commands.find(({ name }) => name === verb);
  if (command !== undefined) return command;
  throw new AppError(
    { class: "usage", code: "VERB_UNKNOWN" },
    `Cannot do "${verb}": no such verb, expected one of ${visible(commands).join(", ")}`,
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
