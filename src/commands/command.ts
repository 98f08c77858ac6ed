import type { ParseArgsConfig } from "node:util";
import type { Json } from "../shared/canonical-json.ts";
import type { Reporter } from "../shared/reporter.ts";

/** One verb as data: cli.ts parses with it, prints its help from it and runs it. A command returns; it never prints or exits. */
export type Command = {
  readonly name: string;
  readonly side: "workshop" | "cloister" | "either";
  /** One line for the list of verbs. */
  readonly summary: string;
  /** What stands after the name in the usage line: "APPLIANCE [--out FILE]". */
  readonly usage: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  readonly positionals: { readonly minimum: number; readonly maximum: number };
  /** Longer help: what it does, what it leaves, which exit codes beside 0, 1 and 2. */
  readonly details: string;
  run(input: CommandInput, context: CommandContext): Promise<Outcome>;
};

export type CommandOption = NonNullable<ParseArgsConfig["options"]>[string] & {
  /** One line for --help; `value` names the argument of a string option: FILE, DIR, N. */
  readonly help: string;
  readonly value?: string;
};

export type CommandInput = {
  readonly positionals: readonly string[];
  /** Last value of a string option; undefined where it was not given. */
  text(name: string): string | undefined;
  /** Every value of a string option that may be repeated. */
  list(name: string): readonly string[];
  flag(name: string): boolean;
};

export type CommandContext = {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly reporter: Reporter;
  /** Aborted on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The one clock; commands hand it to the stages that need the time (signature expiry), never to one that makes bytes. */
  readonly now: () => Date;
};

/** What a command found. `data` is the whole of --json, `text` what a person reads. */
export type Outcome = {
  readonly data: Json;
  readonly text: string;
  /** What comes piece by piece and is printed as it comes, with --json one document a line; `data` and `text` are not looked at then. */
  readonly stream?: AsyncIterable<string>;
  /** "failed-check" and "inconclusive" set exit codes 8 and 9; everything else that goes wrong is thrown. */
  readonly verdict?: "pass" | "failed-check" | "inconclusive";
};

/** What parseArgs of node:util calls values. */
export type OptionValues = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>;

export function toInput(values: OptionValues, positionals: readonly string[]): CommandInput {
  const list = (name: string): readonly string[] =>
    [values[name] ?? []].flat().filter((value) => typeof value === "string");
  return {
    positionals,
    text: (name) => list(name).at(-1),
    list,
    flag: (name) => values[name] === true,
  };
}
