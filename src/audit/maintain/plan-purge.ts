/** What a purge would remove, found by reading the whole log. */
import type { SegmentName } from "../layout.ts";
import type { Selector } from "../record.ts";
import { listSegments } from "../segments.ts";
import { createGathering, type Gathered } from "./gathering.ts";
import { createHoldMatcher, type Hold } from "./holds.ts";
import { scanSegment } from "./scan-log.ts";
import { createMatcher } from "./selector.ts";

/** Its holds stand in the way. */
export type PurgePlan = Gathered & {
  readonly selector: Selector;
  /** Requests of which the prompt or an answer goes. */
  readonly requests: number;
  /** Segments that are rewritten. */
  readonly segments: readonly SegmentName[];
  /** Content keys that would seal nothing any more. */
  readonly keys: number;
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
  const gathering = createGathering();
  const requests = new Set<number>();
  const keys = { removed: new Set<string>(), kept: new Set<string>() };

  for (const segment of await listSegments(log))
    await scanSegment(log, segment, ({ record, payload }) => {
      const isMeant = matches(record) && record.seq <= lastSeq;
      const heldBy = holdsOf(record);
      if (payload.kind !== "kept") return;
      if (payload.key !== undefined) keys[isMeant ? "removed" : "kept"].add(payload.key);
      if (!isMeant) {
        gathering.passOver();
        return;
      }
      gathering.take(record, segment.name);
      gathering.heldBy(heldBy);
      requests.add("req" in record ? record.req : record.seq);
    });

  return {
    selector,
    ...gathering.gathered(),
    requests: requests.size,
    segments: [...gathering.segments()],
    keys: [...keys.removed].filter((key) => !keys.kept.has(key)).length,
  };
}
