import { readHolds } from "../../audit/maintain/holds.ts";
import { readLoggedConfig } from "../../audit/maintain/logged-config.ts";
import { planRetain } from "../../audit/maintain/plan-retain.ts";
import {
  adviceOn,
  assertPolicy,
  describePolicy,
  parseContentRetention,
  parseDays,
  policyUnknown,
  PRESET_DAYS,
} from "../../audit/maintain/policy.ts";
import type { RetainOutcome } from "../../audit/maintain/requests.ts";
import type { RetentionPolicy } from "../../audit/record.ts";
import { AppError } from "../../shared/errors.ts";
import { plural } from "../../verify/check.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { BY_OPTION, LOG_OPTIONS, logFolderOf, operatorOf, withLog } from "./at-log.ts";

export const logRetainCommand: Command = {
  name: "log retain",
  side: "cloister",
  summary: "remove what the retention policy no longer keeps",
  usage: "[--content DAYS|session --ledger DAYS] [--dry-run] [--by NAME] [--log DIR]",
  options: {
    content: {
      type: "string",
      value: "DAYS|session",
      help: `how long text is kept: ${PRESET_DAYS.join(", ")} or other days, or only until the gateway ends`,
    },
    ledger: {
      type: "string",
      value: "DAYS",
      help: "how long ledger lines are kept, at least as long as text",
    },
    "dry-run": { type: "boolean", help: "only say what would go" },
    by: BY_OPTION,
    ...LOG_OPTIONS,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `The gateway does this by itself every hour, with the policy that \`up\` was given; this does it now, or once with another policy.
Text that is over becomes tombstones; the oldest segments are deleted whole once all of their lines are over. The leaf hashes of what
was deleted stay in the tree, so that what is left can still be verified. What a hold covers stays, and with it every later segment.
Each run that removes something leaves a retain and a retained record.

Exit codes: 3 the log is damaged; 6 the log cannot be written; 10 the record is written and not everything is removed yet.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const policy = policyOf(input);
  const log = await logFolderOf(input, context);
  if (input.flag("dry-run")) {
    const plan = await planRetain(log, {
      policy: policy ?? (await loggedPolicy(log)),
      holds: await readHolds(log),
      nowMs: context.now().getTime(),
    });
    return { data: { plan }, text: textOf({ plan }, "nothing was changed") };
  }
  const request = { ...(policy === undefined ? {} : { policy }), by: operatorOf(input, context) };
  const outcome = await withLog(log, context, async (service) => await service.retain(request));
  return { data: outcome, text: textOf(outcome, "nothing was changed: nothing is over") };
}

async function loggedPolicy(log: string): Promise<RetentionPolicy> {
  const config = await readLoggedConfig(log);
  if (config === undefined) throw policyUnknown();
  return config.retention;
}

function policyOf(input: CommandInput): RetentionPolicy | undefined {
  const [content, ledger] = [input.text("content"), input.text("ledger")];
  if (content === undefined && ledger === undefined) return undefined;
  if (content === undefined || ledger === undefined)
    throw new AppError(
      { class: "usage", code: "USAGE" },
      "Cannot apply half a policy: expected --content and --ledger",
    );
  return assertPolicy({ content: parseContentRetention(content), ledger: parseDays(ledger) });
}

function textOf({ plan, done }: RetainOutcome, otherwise: string): string {
  const advice = adviceOn(plan.policy);
  return [
    `policy: ${describePolicy(plan.policy)}`,
    ...(advice === undefined ? [] : [advice]),
    `${plural(plan.payloads, "text")} over, ${plural(plan.bytes, "byte")}`,
    `${plural(plan.segments.length, "segment")} over${plan.segments.length === 0 ? "" : `: all records before ${plan.minimum}`}`,
    ...plan.held.map(({ name, payloads }) => `held by "${name}": ${plural(payloads, "text")}`),
    done === undefined
      ? otherwise
      : `done: ordered by record ${done.orders.join(", ")}, completed by record ${done.completions.join(", ")}`,
  ].join("\n");
}
