/** What a purge would remove, found by reading the whole log. */
import type { SegmentName } from "../layout.ts";
import type { Selector } from "../record.ts";
import { listSegments } from "../segments.ts";
import { createHoldMatcher, type Hold } from "./holds.ts";
import { RangeCollector, type CountedRange } from "./ranges.ts";
import { payloadRef, scanSegment } from "./scan-log.ts";
import { createMatcher } from "./selector.ts";

export type HeldBack = { readonly name: string; readonly payloads: number };

export type PurgePlan = {
  readonly selector: Selector;
  readonly ranges: readonly CountedRange[];
  readonly payloads: number;
  /** Length of the text that goes. */
  readonly bytes: number;
  /** Requests of which the prompt or an answer goes. */
  readonly requests: number;
  /** Segments that are rewritten. */
  readonly segments: readonly SegmentName[];
  /** Content keys that would seal nothing any more. */
  readonly keys: number;
  /** Holds that stand in the way, and of how much. */
  readonly held: readonly HeldBack[];
};

export type PurgeScope = {
  readonly selector: Selector;
  readonly holds: readonly Hold[];
  /** What is written later is not looked at; absent for all that is there. */
  readonly lastSeq?: number;
};

export async function planPurge(
  log: string,
  { selector, holds, lastSeq = Infinity }: PurgeScope,
): Promise<PurgePlan> {
  const matches = createMatcher(selector);
  const holdsOf = createHoldMatcher(holds);
  const ranges = new RangeCollector();
  const requests = new Set<number>();
  const segments = new Set<SegmentName>();
  const keys = { removed: new Set<string>(), kept: new Set<string>() };
  const held = new Map<string, number>();
  const sums = { payloads: 0, bytes: 0 };

  for (const segment of await listSegments(log))
    await scanSegment(log, segment, ({ record, payload }) => {
      const isMeant = matches(record) && record.seq <= lastSeq;
      const heldBy = holdsOf(record);
      if (payload.kind !== "kept") return;
      if (payload.key !== undefined) keys[isMeant ? "removed" : "kept"].add(payload.key);
      if (!isMeant) {
        ranges.passOver();
        return;
      }
      ranges.take(record.seq);
      segments.add(segment.name);
      requests.add("req" in record ? record.req : record.seq);
      sums.payloads += 1;
      sums.bytes += payloadRef(record)?.bytes ?? 0;
      for (const name of heldBy) held.set(name, (held.get(name) ?? 0) + 1);
    });

  return {
    selector,
    ranges: ranges.ranges(),
    ...sums,
    requests: requests.size,
    segments: [...segments],
    keys: [...keys.removed].filter((key) => !keys.kept.has(key)).length,
    held: [...held].map(([name, payloads]) => ({ name, payloads })),
  };
}
