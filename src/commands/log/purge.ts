import { readHolds } from "../../audit/maintain/holds.ts";
import { planPurge, type PurgePlan } from "../../audit/maintain/plan-purge.ts";
import type { Done, PurgeOutcome } from "../../audit/maintain/requests.ts";
import { describeSelector } from "../../audit/maintain/selector.ts";
import { AppError } from "../../shared/errors.ts";
import { plural } from "../../verify/check.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { BY_OPTION, LOG_OPTIONS, logFolderOf, operatorOf, withLog } from "./at-log.ts";
import { SELECT_OPTIONS, SELECT_USAGE, selectorOf } from "./select.ts";

export const logPurgeCommand: Command = {
  name: "log purge",
  side: "cloister",
  summary: "remove text from the audit log, with a record that says so",
  usage: `(${SELECT_USAGE}) --reason TEXT [--ticket ID] [--yes] [--by NAME] [--log DIR]`,
  options: {
    ...SELECT_OPTIONS,
    reason: { type: "string", value: "TEXT", help: "why; it stays in the ledger" },
    ticket: { type: "string", value: "ID", help: "the case that this belongs to" },
    yes: { type: "boolean", help: "do it; without this, nothing is changed" },
    by: BY_OPTION,
    ...LOG_OPTIONS,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Shows what would go, and with --yes does it: a purge record is written first, then every payload line that is meant is replaced by a
tombstone, in open, sealed and compressed segments, then content keys that seal nothing any more are removed, then a purged record says
that it was done. Ledger lines and the tree stay as they are, and the log still verifies.
A legal hold is never purged. What was cut off is finished when the gateway starts again. docs/purge.md is the whole procedure.

Exit codes: 3 the log is damaged; 5 a hold stands in the way; 6 the log cannot be written; 10 the record is written and not everything
is removed yet.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const log = await logFolderOf(input, context);
  const selector = await selectorOf(input, { log, context });
  if (selector === undefined) throw missing("which records are meant", SELECT_USAGE);
  const reason = input.text("reason");
  if (reason === undefined) throw missing("why", "--reason TEXT");
  const ticket = input.text("ticket");
  const request = {
    selector,
    reason,
    ...(ticket === undefined ? {} : { ticket }),
    by: operatorOf(input, context),
  };
  if (!input.flag("yes")) {
    const plan = await planPurge(log, { selector, holds: await readHolds(log) });
    const next =
      plan.held.length === 0
        ? "nothing was changed yet: --yes does it"
        : "nothing was changed, and nothing can be while it is held";
    return { data: { plan }, text: textOf({ plan }, next) };
  }
  const outcome = await withLog(log, context, async (service) => await service.purge(request));
  return { data: outcome, text: textOf(outcome, "nothing was changed") };
}

function textOf({ plan, done }: PurgeOutcome, otherwise: string): string {
  const lines = [
    planText(plan),
    ...plan.held.map(({ name, payloads }) => `held by "${name}": ${plural(payloads, "text")}`),
  ];
  if (done !== undefined) return [...lines, ...doneText(done)].join("\n");
  if (plan.payloads === 0) return [...lines, "nothing was changed: there is no such text"].join("\n");
  return [...lines, otherwise].join("\n");
}

function planText(plan: PurgePlan): string {
  return [
    `purge of ${describeSelector(plan.selector)}`,
    `${plural(plan.payloads, "text")} of ${plural(plan.requests, "request")}, ${plural(plan.bytes, "byte")}, in ${plural(plan.segments.length, "segment")}; ${plural(plan.keys, "content key")} would seal nothing any more`,
    ...plan.segments.map((name) => `  ${name}`),
  ].join("\n");
}

function doneText({ orders, completions, keys, keysLater }: Done): readonly string[] {
  const later = `${plural(keysLater, "content key")} more will go with a retention run: a running answer may still hold it`;
  const numbers = [...orders, ...completions];
  return [
    `done: ordered by record ${orders.join(", ")}, completed by record ${completions.join(", ")}, ${plural(keys, "content key")} removed`,
    ...(keysLater === 0 ? [] : [later]),
    `to certify: ${numbers.map((seq) => `cloister log export --seq ${seq} --out DIR`).join("; ")}`,
  ];
}

function missing(what: string, hint: string): AppError {
  return new AppError({ class: "usage", code: "USAGE" }, `Cannot purge: ${what} was not said`, { hint });
}
