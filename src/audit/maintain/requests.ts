/** What whoever keeps a log may ask for, and what comes of it: JSON, as it also goes through the writer's socket. */
import { AppError } from "../../shared/errors.ts";
import type { RetentionPolicy, Selector } from "../record.ts";
import type { PurgePlan } from "./plan-purge.ts";
import type { RetainPlan } from "./plan-retain.ts";

export type PurgeRequest = {
  readonly selector: Selector;
  readonly reason: string;
  readonly ticket?: string;
  readonly by: string;
};

export type RetainRequest = {
  /** The log's own where none is given. */
  readonly policy?: RetentionPolicy;
  readonly by: string;
};

export type HoldRequest = {
  readonly name: string;
  readonly reason: string;
  readonly by: string;
} & ({ readonly state: "set"; readonly selector: Selector } | { readonly state: "released" });

export type Done = {
  /** Numbers of the records that ordered it, and of those that say it was done. */
  readonly orders: readonly number[];
  readonly completions: readonly number[];
  /** Wrapped content keys that were removed, and those that will be once nobody can hold them any more. */
  readonly keys: number;
  readonly keysLater: number;
};

/** `done` is absent where there was nothing to do. */
export type PurgeOutcome = { readonly plan: PurgePlan; readonly done?: Done };
export type RetainOutcome = { readonly plan: RetainPlan; readonly done?: Done };

/** What a ledger line has room for besides ranges. */
const MAX_TEXT_BYTES = 1_000;

/** Throws AppError TEXT_INVALID (usage). */
export function assertText(what: string, text: string): string {
  if (text.trim() !== "" && Buffer.byteLength(JSON.stringify(text)) <= MAX_TEXT_BYTES) return text;
  throw new AppError(
    { class: "usage", code: "TEXT_INVALID" },
    `Cannot record the ${what}: it is empty or longer than ${MAX_TEXT_BYTES} bytes`,
    { hint: "It stays in the ledger for as long as the ledger is kept: name a case, not a person" },
  );
}
