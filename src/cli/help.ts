import type { Command, CommandOption } from "../commands/command.ts";
import { EXIT_CODES } from "../shared/errors.ts";
import { VERSION } from "../shared/version.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";

const SIDES = [
  ["workshop", "In the workshop (connected):"],
  ["cloister", "In the cloister (air-gapped):"],
  ["either", "Either side:"],
] as const;

const MEANINGS: Readonly<Record<keyof typeof EXIT_CODES, string>> = {
  usage: "usage or invalid recipe",
  integrity: "integrity: bytes differ from what was promised",
  authenticity: "authenticity: intact, but not signed by the key you named",
  preflight: "preflight: this host is not fit, with what is missing",
  engine: "engine failed",
  identity: "loaded identity differs",
  "failed-check": "leak or failed check",
  inconclusive: "inconclusive: a check could not be made",
  "half-done": "left half done: roll back",
  unavailable: "an input is not available",
};

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.filter(({ summary }) => summary !== "").map(({ name }) => name.length));
  const sides = SIDES.flatMap(([side, title]) => {
    const own = commands.filter((command) => command.side === side && command.summary !== "");
    return own.length === 0
      ? []
      : ["", title, ...own.map((one) => `  ${one.name.padEnd(width)}  ${one.summary}`)];
  });
  const codes = Object.entries(MEANINGS).map(
    ([name, meaning]) => `  ${String(codeOf(name)).padStart(2)}  ${meaning}`,
  );
  return [
    `cloister ${VERSION}: build a sealed local-AI appliance, carry it, prove that no prompt leaves`,
    "",
    "cloister VERB [options], cloister VERB --help, cloister --version",
    ...sides,
    "",
    "Exit codes:",
    "   0  done, and what was claimed holds",
    "   1  a defect in cloister",
    ...codes,
    "",
  ].join("\n");
}

/** Of the verbs whose first word is `group`. */
export function groupHelp(group: string, commands: readonly Command[]): string {
  const own = commands.filter(({ name, summary }) => name.startsWith(`${group} `) && summary !== "");
  const width = Math.max(...own.map(({ name }) => name.length));
  return [
    `cloister ${group} VERB [options], cloister ${group} VERB --help`,
    "",
    ...own.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
  ].join("\n");
}

export function commandHelp(command: Command): string {
  return [
    `cloister ${command.name} ${command.usage}`.trimEnd(),
    "",
    command.summary,
    "",
    command.details.trim(),
    "",
    "Options:",
    ...Object.entries({ ...command.options, ...GLOBAL_OPTIONS }).map(optionLine),
    "",
  ].join("\n");
}

function optionLine([name, option]: readonly [string, CommandOption]): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value = option.type === "string" ? ` ${option.value ?? "VALUE"}` : "";
  const repeated = option.multiple === true ? " (may be repeated)" : "";
  return `  ${`${short}--${name}${value}`.padEnd(24)} ${option.help}${repeated}`;
}

function codeOf(name: string): number {
  const found = Object.entries(EXIT_CODES).find(([key]) => key === name);
  return found?.[1] ?? 1;
}
