/** What a plan becomes in the ledger: as many records as its ranges need. */
import type { Entry } from "../audit-log.ts";
import type { SegmentName } from "../layout.ts";
import type { LedgerRecord, RetentionPolicy, SeqRange } from "../record.ts";
import type { PurgePlan } from "./plan-purge.ts";
import type { RetainPlan } from "./plan-retain.ts";
import { splitBySize, type CountedRange } from "./ranges.ts";
import type { PurgeRequest } from "./requests.ts";

/** A `purge` or `retain` record. */
export type Order = {
  readonly type: "purge" | "retain";
  readonly seq: number;
  readonly ranges: readonly SeqRange[];
  readonly payloads: number;
  /** Segments to delete; never any in a purge. */
  readonly segments: readonly SegmentName[];
};

export type OrderEntry = Extract<Entry, { type: "purge" | "retain" }>;

/** Of a ledger line's 16 KiB; reason and ticket, selector and head take less than the rest. */
const RANGES_BYTES = 8_192;
const SEGMENTS_BYTES = 3_072;

export function purgeOrders(
  plan: PurgePlan,
  { reason, ticket, by }: Pick<PurgeRequest, "reason" | "ticket" | "by">,
): readonly OrderEntry[] {
  return splitBySize(plan.ranges, RANGES_BYTES).map((part) => ({
    type: "purge",
    selector: plan.selector,
    reason,
    ...(ticket === undefined ? {} : { ticket }),
    by,
    ...sumOf(part),
  }));
}

export function retainOrders(plan: RetainPlan, by: string): readonly OrderEntry[] {
  const ranges = splitBySize(plan.ranges, RANGES_BYTES);
  const segments = splitBySize(plan.segments, SEGMENTS_BYTES);
  const policy: RetentionPolicy = plan.policy;
  return Array.from({ length: Math.max(ranges.length, segments.length) }, (_, index) => ({
    type: "retain",
    policy,
    by,
    ...sumOf(ranges[index] ?? []),
    segments: segments[index] ?? [],
    minimum: plan.minimum,
  }));
}

/** undefined for a record that orders nothing. */
export function orderOf(record: OrderEntry & Pick<LedgerRecord, "seq">): Order {
  const { type, seq, ranges, payloads } = record;
  return { type, seq, ranges, payloads, segments: record.type === "retain" ? record.segments : [] };
}

export function completionOf({ type, seq, payloads, segments }: Order, keys: number): Entry {
  return type === "purge"
    ? { type: "purged", purge: seq, payloads, keys }
    : { type: "retained", retain: seq, payloads, segments: segments.length };
}

function sumOf(part: readonly CountedRange[]) {
  return {
    ranges: part.map(({ range }) => range),
    payloads: part.reduce((sum, { payloads }) => sum + payloads, 0),
  };
}
