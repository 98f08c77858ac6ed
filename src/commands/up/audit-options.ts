/** What `up` can be told of the audit log. */
import type { AuditWishes } from "../../appliance/audit-settings.ts";
import { parseContentRetention, parseDays } from "../../audit/maintain/policy.ts";
import { AppError } from "../../shared/errors.ts";
import type { CommandInput, CommandOption } from "../command.ts";

const MODES = ["request", "strict", "async"] as const;

export const AUDIT_OPTIONS: Readonly<Record<string, CommandOption>> = {
  "log-recipient": {
    type: "string",
    multiple: true,
    value: "AGE",
    help: "seal what is logged to this age recipient (age1…); repeatable",
  },
  "log-new-key": {
    type: "string",
    value: "FILE",
    help: "make an age identity, write it to FILE, and seal to it: carry the file away from this machine",
  },
  "log-plain": {
    type: "boolean",
    help: "log the text as it is: whoever can read the folder reads every prompt",
  },
  "log-mode": {
    type: "string",
    value: "MODE",
    help: "request: an answer's end waits for the disk; strict: every piece does; async: nothing does, unsafe (request)",
  },
  "log-retention": { type: "string", value: "DAYS", help: "days that text is kept, or session (183)" },
  "log-ledger-retention": {
    type: "string",
    value: "DAYS",
    help: "days that the ledger's lines are kept (366)",
  },
  "log-zone": {
    type: "string",
    value: "ZONE",
    help: "whose midnight rotates the log, like Europe/Berlin (UTC)",
  },
};

/** Throws AppError OPTION_INVALID, RETENTION_INVALID (usage). */
export function auditWishesOf(input: CommandInput, toPath: (path: string) => string): AuditWishes {
  const [newKey, mode, zone] = ["log-new-key", "log-mode", "log-zone"].map((name) => input.text(name));
  const [content, ledger] = ["log-retention", "log-ledger-retention"].map((name) => input.text(name));
  const plain = input.flag("log-plain");
  const recipients = input.list("log-recipient");
  if (plain && (recipients.length > 0 || newKey !== undefined))
    throw invalid("--log-plain", "expected either that or somebody to seal to");
  return {
    recipients,
    plain,
    ...(newKey === undefined ? {} : { newKeyFile: toPath(newKey) }),
    ...(mode === undefined ? {} : { mode: modeOf(mode) }),
    ...(zone === undefined ? {} : { zone }),
    ...(content === undefined ? {} : { content: parseContentRetention(content) }),
    ...(ledger === undefined ? {} : { ledger: parseDays(ledger) }),
  };
}

function modeOf(text: string): (typeof MODES)[number] {
  const mode = MODES.find((one) => one === text);
  if (mode === undefined) throw invalid(`--log-mode "${text}"`, `expected ${MODES.join(", ")}`);
  return mode;
}

function invalid(what: string, why: string): AppError {
  return new AppError({ class: "usage", code: "OPTION_INVALID" }, `Cannot use ${what}: ${why}`);
}
