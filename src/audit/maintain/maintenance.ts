/** Purge, retention and holds of an open log. What is ordered is in the ledger, durably, before anything is removed. */
import { AppError, messageOf } from "../../shared/errors.ts";
import type { AuditLog } from "../audit-log.ts";
import type { SegmentName } from "../layout.ts";
import type { RetentionPolicy } from "../record.ts";
import { changeHold, restoreHolds } from "./change-hold.ts";
import type { HeldBack } from "./gathering.ts";
import { readHolds } from "./holds.ts";
import { readIntent, writeIntent, type Intent } from "./intent.ts";
import { completionOf, orderOf, purgeOrders, retainOrders, type Order, type OrderEntry } from "./orders.ts";
import { planPurge } from "./plan-purge.ts";
import { planRetain } from "./plan-retain.ts";
import { assertPolicy, policyUnknown } from "./policy.ts";
import { carryOut, unfinishedOrders } from "./remove.ts";
import {
  assertText,
  type Done,
  type HoldRequest,
  type PurgeOutcome,
  type PurgeRequest,
  type RetainOutcome,
  type RetainRequest,
} from "./requests.ts";
import { assertSelector, describeSelector } from "./selector.ts";
import { dropUnusedKeys } from "./unused-keys.ts";

export type MaintenanceOptions = {
  /** What retention applies where it is not told otherwise. */
  readonly policy?: RetentionPolicy;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Nobody appends text to this log while it is open: a key that seals nothing any more can go at once. */
  readonly isIdle: boolean;
};

export type Maintenance = {
  /**
   * Throws AppError HELD (preflight), SELECTOR_INVALID, TEXT_INVALID (usage), MAINTENANCE_UNFINISHED (half-done), LOG_UNWRITABLE
   * (engine), LOG_DAMAGED (integrity).
   */
  purge(request: PurgeRequest): Promise<PurgeOutcome>;
  /** Throws as purge does but HELD: what is held stays. RETENTION_INVALID, RETENTION_UNKNOWN (usage). */
  retain(request: RetainRequest): Promise<RetainOutcome>;
  /** Returns the number of its record. Throws AppError HOLD_EXISTS, HOLD_UNKNOWN, SELECTOR_INVALID, TEXT_INVALID (usage). */
  hold(request: HoldRequest): Promise<number>;
  /** Finishes what an earlier process began; returns how many orders that were. */
  resume(): Promise<number>;
};

const DAY_MS = 86_400_000;
/** After so many days no zone has the same day, and no answer that began in it still runs. */
const KEY_DAYS = 3;

export function createMaintenance(log: AuditLog, options: MaintenanceOptions): Maintenance {
  const { folder } = log;
  const settled = new Set<SegmentName>();

  async function purge(request: PurgeRequest): Promise<PurgeOutcome> {
    assertText("reason", request.reason);
    assertText("name of who asked", request.by);
    if (request.ticket !== undefined) assertText("ticket", request.ticket);
    const selector = assertSelector(request.selector);
    await finish();
    // What was appended before the question is meant as well.
    await log.checkpoint();
    const scope = { selector, holds: await readHolds(folder), lastSeq: log.status().durableSeq };
    const plan = await planPurge(folder, scope);
    if (plan.held.length > 0) throw held(describeSelector(selector), plan.held);
    if (plan.payloads === 0) return { plan };
    return { plan, done: await carry(purgeOrders(plan, request), plan.segments) };
  }

  async function retain({ policy = options.policy, by }: RetainRequest): Promise<RetainOutcome> {
    if (policy === undefined) throw policyUnknown();
    assertText("name of who asked", by);
    await finish();
    const plan = await planRetain(folder, {
      policy: assertPolicy(policy),
      holds: await readHolds(folder),
      nowMs: options.now(),
      lastSeq: log.status().durableSeq,
      settled,
    });
    const orders = retainOrders(plan, by);
    if (orders.length > 0) return { plan, done: await carry(orders, plan.rewritten) };
    await sweepKeysIfDue();
    return { plan };
  }

  async function hold(request: HoldRequest): Promise<number> {
    assertText("hold's name", request.name);
    assertText("reason", request.reason);
    assertText("name of who asked", request.by);
    if (request.state === "set") assertSelector(request.selector);
    await finish();
    const intent = await readIntent(folder);
    await writeIntent(folder, { ...intent, unfinished: true });
    try {
      const seq = await changeHold(log, request);
      await writeIntent(folder, intent);
      return seq;
    } catch (error) {
      // Refused before anything was written.
      if (error instanceof AppError && error.class === "usage") await writeIntent(folder, intent);
      throw error;
    }
  }

  async function finish(): Promise<number> {
    const intent = await readIntent(folder);
    if (!intent.unfinished) return 0;
    await restoreHolds(folder);
    const orders = await unfinishedOrders(folder);
    // A segment is only rewritten once it is sealed, and some of this may stand in the open one.
    if (orders.length > 0) await log.rotate("purge");
    await carryOut(folder, orders);
    await complete(orders, intent);
    return orders.length;
  }

  async function carry(entries: readonly OrderEntry[], touched: readonly SegmentName[]): Promise<Done> {
    const intent = await readIntent(folder);
    await writeIntent(folder, { ...intent, unfinished: true });
    const orders = await append(entries);
    try {
      if (touched.includes(log.status().segment)) await log.rotate(entries[0]?.type ?? "purge");
      await carryOut(folder, orders, new Set(touched));
      return await complete(orders, intent);
    } catch (error) {
      throw unfinished(orders, error);
    }
  }

  async function append(entries: readonly OrderEntry[]): Promise<readonly Order[]> {
    const appended = entries.map((entry) => ({ entry, ...log.append(entry) }));
    await Promise.all(appended.map(async ({ durable }) => durable));
    return appended.map(({ entry, seq }) => orderOf({ ...entry, seq }));
  }

  async function complete(orders: readonly Order[], intent: Intent): Promise<Done> {
    const { keys, later } = await dropUnusedKeys(log, keysInUseFrom());
    // Of several orders of one purge, the first answers for its keys.
    const completions = orders.map((order, index) => log.append(completionOf(order, index === 0 ? keys : 0)));
    await Promise.all(completions.map(async ({ durable }) => durable));
    const keysFrom = intent.keysFrom ?? dayAt(options.now() + KEY_DAYS * DAY_MS);
    await writeIntent(folder, { unfinished: false, ...(later > 0 ? { keysFrom } : {}) });
    await log.checkpoint();
    return { orders: seqs(orders), completions: seqs(completions), keys, keysLater: later };
  }

  async function sweepKeysIfDue(): Promise<void> {
    const { keysFrom } = await readIntent(folder);
    if (keysFrom === undefined || dayAt(options.now()) < keysFrom) return;
    await dropUnusedKeys(log, keysInUseFrom());
    await writeIntent(folder, { unfinished: false });
  }

  /** Keys are named by their day in the log's zone, which is at most half a day behind UTC. */
  function keysInUseFrom(): string | undefined {
    return options.isIdle ? undefined : dayAt(options.now() - DAY_MS);
  }

  return {
    purge: async (request) => await log.exclusively(async () => await purge(request)),
    retain: async (request) => await log.exclusively(async () => await retain(request)),
    hold: async (request) => await log.exclusively(async () => await hold(request)),
    resume: async () => await log.exclusively(finish),
  };
}

function seqs(of: readonly { readonly seq: number }[]): readonly number[] {
  return of.map(({ seq }) => seq);
}

function dayAt(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

function held(what: string, by: readonly HeldBack[]): AppError {
  const names = by.map(({ name }) => name);
  return new AppError(
    { class: "preflight", code: "HELD" },
    `Cannot purge ${what}: ${by.map(({ name, payloads }) => `hold "${name}" covers ${payloads} of the texts`).join(", ")}`,
    {
      hint: "`cloister log hold NAME --release` once it is over: a hold goes before purge and retention",
      fields: { holds: names },
    },
  );
}

function unfinished(orders: readonly Order[], cause: unknown): AppError {
  return new AppError(
    { class: "half-done", code: "MAINTENANCE_UNFINISHED" },
    `Cannot finish what record ${orders.map(({ seq }) => seq).join(", ")} orders: ${messageOf(cause)}`,
    {
      cause,
      hint: "It is finished when the gateway starts again, and before the next purge or retention",
      fields: { orders: orders.map(({ seq }) => String(seq)) },
    },
  );
}
