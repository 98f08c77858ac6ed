/** What a retention policy would remove now. */
import type { SegmentFile, SegmentName } from "../layout.ts";
import type { LedgerRecord, RetentionPolicy } from "../record.ts";
import { listSegments } from "../segments.ts";
import { createGathering, type Gathered } from "./gathering.ts";
import { createHoldMatcher, type Hold } from "./holds.ts";
import { firstRecord, scanSegment } from "./scan-log.ts";

/** Its holds cover what is older than the policy, and stays. */
export type RetainPlan = Gathered & {
  readonly policy: RetentionPolicy;
  /** Segments to be rewritten. */
  readonly rewritten: readonly SegmentName[];
  /** Segments to be deleted, oldest first. */
  readonly segments: readonly SegmentName[];
  /** First number that is kept then. */
  readonly minimum: number;
};

export type RetainScope = {
  readonly policy: RetentionPolicy;
  readonly holds: readonly Hold[];
  readonly nowMs: number;
  /** What is written later is not looked at; absent for all that is there. */
  readonly lastSeq?: number;
  /** Segments known to have no text left. Those that turn out to are added. */
  readonly settled?: Set<SegmentName>;
};

type Opened = { readonly segment: SegmentFile; readonly first: LedgerRecord };

const DAY_MS = 86_400_000;

export async function planRetain(log: string, scope: RetainScope): Promise<RetainPlan> {
  const opened = await openings(log);
  const { policy, holds, nowMs } = scope;
  const gone = await deletable(log, opened, {
    before: isoBefore(nowMs, policy.ledger),
    holds,
  });
  const kept = opened.slice(gone.length);
  const minimum = kept[0]?.first.seq ?? 0;
  const isOver = overBy(scope, opened, minimum);

  // Holds remember whose request was whose, so that they are asked about everything that is left.
  const holdsOf = createHoldMatcher(holds);
  const gathering = createGathering();
  let orphans = gone.length > 0;

  for (const { segment, first } of kept) {
    if (first.type === "open" && first.inFlight === 0) orphans = false;
    const isNewest = segment === kept.at(-1)?.segment;
    const isDue = orphans || isOver(first);
    if (!isDue || (holds.length === 0 && scope.settled?.has(segment.name) === true)) {
      gathering.passOver();
      continue;
    }
    let left = 0;
    await scanSegment(log, segment, ({ record, payload }) => {
      const heldBy = holdsOf(record);
      if (payload.kind !== "kept") return;
      const isMeant = record.seq <= (scope.lastSeq ?? Infinity) && isOver(record);
      if (!isMeant || heldBy.length > 0) {
        left += 1;
        gathering.passOver();
        if (isMeant) gathering.heldBy(heldBy);
        return;
      }
      gathering.take(record, segment.name);
    });
    if (left === 0 && !isNewest && !gathering.segments().has(segment.name)) scope.settled?.add(segment.name);
  }
  return {
    policy,
    ...gathering.gathered(),
    rewritten: [...gathering.segments()],
    segments: gone.map(({ segment }) => segment.name),
    minimum,
  };
}

async function openings(log: string): Promise<readonly Opened[]> {
  const opened: Opened[] = [];
  for (const segment of await listSegments(log)) {
    const first = await firstRecord(log, segment);
    if (first !== undefined) opened.push({ segment, first });
  }
  return opened;
}

/** The oldest segments all of whose records are older, up to the first that has a record under hold. The newest is never among them. */
async function deletable(
  log: string,
  opened: readonly Opened[],
  { before, holds }: { readonly before: string; readonly holds: readonly Hold[] },
): Promise<readonly Opened[]> {
  const holdsOf = createHoldMatcher(holds);
  const gone: Opened[] = [];
  for (const [index, one] of opened.entries()) {
    const next = opened[index + 1];
    // A segment's last record was written before the first one of the next.
    if (next === undefined || next.first.ts >= before) break;
    if (holds.length > 0) {
      let isHeld = false;
      await scanSegment(log, one.segment, ({ record }) => {
        if (holdsOf(record).length > 0) isHeld = true;
      });
      if (isHeld) break;
    }
    gone.push(one);
  }
  return gone;
}

/** Whether a record's text has had its time. What answers a request whose record goes, goes with it: nobody could tell whose it was. */
function overBy(
  { policy, nowMs }: RetainScope,
  opened: readonly Opened[],
  minimum: number,
): (record: LedgerRecord) => boolean {
  const isOrphan = (record: LedgerRecord): boolean => "req" in record && record.req < minimum;
  if (policy.content !== "session") {
    const before = isoBefore(nowMs, policy.content);
    return (record) => record.ts < before || isOrphan(record);
  }
  const start = opened.findLast(({ first }) => first.type === "open" && first.reason === "start");
  const firstOfSession = start?.first.seq ?? 0;
  return (record) => record.seq < firstOfSession || isOrphan(record);
}

function isoBefore(nowMs: number, days: number): string {
  return new Date(nowMs - days * DAY_MS).toISOString();
}
