import { readHolds, type Hold } from "../../audit/maintain/holds.ts";
import type { HoldRequest } from "../../audit/maintain/requests.ts";
import { describeSelector } from "../../audit/maintain/selector.ts";
import { AppError } from "../../shared/errors.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { BY_OPTION, LOG_OPTIONS, logFolderOf, operatorOf, withLog } from "./at-log.ts";
import { SELECT_OPTIONS, SELECT_USAGE, selectorOf } from "./select.ts";

export const logHoldCommand: Command = {
  name: "log hold",
  side: "cloister",
  summary: "keep something from purge and retention, or list what is kept so",
  usage: `[NAME ((${SELECT_USAGE}) | --release) --reason TEXT] [--by NAME] [--log DIR]`,
  options: {
    ...SELECT_OPTIONS,
    release: { type: "boolean", help: "the hold is over" },
    reason: { type: "string", value: "TEXT", help: "why; it stays in the ledger" },
    by: BY_OPTION,
    ...LOG_OPTIONS,
  },
  positionals: { minimum: 0, maximum: 1 },
  details: `A legal hold goes before purge and retention: neither removes text that it covers, nor the segment of a record that it covers.
Setting and releasing one leaves a record. Without a name, lists the holds that are set.

Exit codes: 6 the log cannot be written.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const log = await logFolderOf(input, context);
  const [name] = input.positionals;
  if (name === undefined) {
    const holds = await readHolds(log);
    return { data: { holds }, text: holds.length === 0 ? "no hold is set" : holds.map(line).join("\n") };
  }
  const request = await requestOf(name, input, { log, context });
  const seq = await withLog(log, context, async (service) => await service.hold(request));
  const { state } = request;
  return { data: { name, state, seq }, text: `hold "${name}" ${state}, by record ${seq}` };
}

async function requestOf(
  name: string,
  input: CommandInput,
  at: { readonly log: string; readonly context: CommandContext },
): Promise<HoldRequest> {
  const reason = input.text("reason");
  if (reason === undefined) throw usage("why was not said", "--reason TEXT");
  const head = { name, reason, by: operatorOf(input, at.context) };
  const selector = await selectorOf(input, at);
  if (input.flag("release")) {
    if (selector !== undefined) throw usage("a hold is released by its name alone", `${name} --release`);
    return { ...head, state: "released" };
  }
  if (selector === undefined) throw usage("which records are meant was not said", SELECT_USAGE);
  return { ...head, state: "set", selector };
}

function line({ name, selector, reason, by }: Hold): string {
  return `${name}: ${describeSelector(selector)}; ${reason} (${by})`;
}

function usage(why: string, hint: string): AppError {
  return new AppError({ class: "usage", code: "USAGE" }, `Cannot change a hold: ${why}`, { hint });
}
