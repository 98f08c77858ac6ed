/** What a plan gathers while it reads the log: which texts go, and which of them a hold covers. */
import type { SegmentName } from "../layout.ts";
import { payloadRef } from "../payload.ts";
import type { LedgerRecord } from "../record.ts";
import { RangeCollector, type CountedRange } from "./ranges.ts";

export type HeldBack = { readonly name: string; readonly payloads: number };

/** What every plan says of what it removes. */
export type Gathered = {
  readonly ranges: readonly CountedRange[];
  readonly payloads: number;
  /** Length of the text that goes. */
  readonly bytes: number;
  readonly held: readonly HeldBack[];
};

export type Gathering = {
  /** Told of texts in the order of their records. */
  take(record: LedgerRecord, segment: SegmentName): void;
  /** A text stays: no range goes over it. */
  passOver(): void;
  heldBy(names: readonly string[]): void;
  /** Those of which something was taken. */
  segments(): ReadonlySet<SegmentName>;
  gathered(): Gathered;
};

export function createGathering(): Gathering {
  const ranges = new RangeCollector();
  const segments = new Set<SegmentName>();
  const held = new Map<string, number>();
  const sums = { payloads: 0, bytes: 0 };

  return {
    take: (record, segment) => {
      ranges.take(record.seq);
      segments.add(segment);
      sums.payloads += 1;
      sums.bytes += payloadRef(record)?.bytes ?? 0;
    },
    passOver: () => ranges.passOver(),
    heldBy: (names) => {
      for (const name of names) held.set(name, (held.get(name) ?? 0) + 1);
    },
    segments: () => segments,
    gathered: () => ({
      ranges: ranges.ranges(),
      ...sums,
      held: [...held].map(([name, payloads]) => ({ name, payloads })),
    }),
  };
}
