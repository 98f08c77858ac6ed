/** How long text and ledger lines are kept, as an operator says it. */
import { AppError } from "../../shared/errors.ts";
import type { RetentionPolicy } from "../record.ts";

/** Days; 183 is the shortest that covers six months wherever they begin. */
export const PRESET_DAYS = [30, 90, 183] as const;

const SIX_MONTHS_DAYS = 183;
const MAX_DAYS = 36_500;

/** Throws AppError RETENTION_INVALID (usage). */
export function parseContentRetention(text: string): RetentionPolicy["content"] {
  return text === "session" ? "session" : parseDays(text);
}

/** Throws AppError RETENTION_INVALID (usage). */
export function parseDays(text: string): number {
  const days = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Infinity;
  if (days <= MAX_DAYS) return days;
  throw invalid(
    `Cannot keep anything for "${text}": expected ${PRESET_DAYS.join(", ")}, another number of days up to ${MAX_DAYS}, or "session" for text`,
  );
}

/** Text without its ledger line would be text without an owner. Throws AppError RETENTION_INVALID (usage). */
export function assertPolicy(policy: RetentionPolicy): RetentionPolicy {
  if (policy.content === "session" || policy.content <= policy.ledger) return policy;
  throw invalid(
    `Cannot keep text for ${policy.content} days and its ledger lines for ${policy.ledger}: expected the ledger to be kept at least as long`,
  );
}

/** What an operator should know before choosing this; undefined where there is nothing to say. */
export function adviceOn({ content, ledger }: RetentionPolicy): string | undefined {
  const shortest = content === "session" ? 0 : Math.min(content, ledger);
  return shortest >= SIX_MONTHS_DAYS
    ? undefined
    : `Shorter than ${SIX_MONTHS_DAYS} days: Article 26(6) of the EU AI Act asks deployers of high-risk systems to keep their logs for at least six months`;
}

export function describePolicy({ content, ledger }: RetentionPolicy): string {
  const text = content === "session" ? "this session" : `${content} days`;
  return `text for ${text}, ledger lines for ${ledger} days`;
}

export function policyUnknown(): AppError {
  return new AppError(
    { class: "usage", code: "RETENTION_UNKNOWN" },
    "Cannot apply a retention policy: none was given, and the log's newest segments name none",
    { hint: "Give --content and --ledger" },
  );
}

function invalid(message: string): AppError {
  return new AppError({ class: "usage", code: "RETENTION_INVALID" }, message);
}
