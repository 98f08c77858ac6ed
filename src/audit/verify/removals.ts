/** Tombstones, and the later records that must have ordered them. Only ranges are remembered: those of one run lie side by side. */
import type { LedgerRecord, SeqRange } from "../record.ts";
import type { Findings } from "./verdict.ts";

export type Removals = {
  tombstone(seq: number, by: number): void;
  /** Every record: one that tombstones name must be an order that names them. */
  record(record: LedgerRecord): void;
  /** How many tombstones were ordered. */
  purged(): number;
  /** Once, when all else was looked at. `attested` is how many records signed statements count. */
  finish(of: { readonly nextSeq: number; readonly attested: number }): void;
};

type Refused = { readonly seq: number; readonly by: number; readonly what: string };

export function createRemovals(findings: Findings): Removals {
  /** By the number of the record that is to come. */
  const waiting = new Map<number, SeqRange[]>();
  const refused: Refused[] = [];
  let purged = 0;

  /** Counts what of a range was ordered; the first of each run that was not is refused. */
  function settle([first, last]: SeqRange, { seq: by, ranges }: Ordered): void {
    let isRun = false;
    for (let seq = first; seq <= last; seq += 1) {
      const isNamed = ranges.some(([from, to]) => from <= seq && seq <= to);
      if (isNamed) purged += 1;
      else if (!isRun) refused.push({ seq, by, what: `its text is gone, and record ${by} does not say so` });
      isRun = !isNamed;
    }
  }

  return {
    tombstone: (seq, by) => {
      if (by <= seq)
        return findings.add({ verdict: "MODIFIED", seq, what: "its tombstone names an earlier record" });
      const ranges = waiting.get(by) ?? [];
      waiting.set(by, ranges);
      const last = ranges.at(-1);
      if (last?.[1] === seq - 1) ranges[ranges.length - 1] = [last[0], seq];
      else ranges.push([seq, seq]);
    },
    record: (record) => {
      const ranges = waiting.get(record.seq);
      if (ranges === undefined) return;
      waiting.delete(record.seq);
      const isOrder = record.type === "purge" || record.type === "retain";
      const ordered = { seq: record.seq, ranges: isOrder ? record.ranges : [] };
      for (const range of ranges) settle(range, ordered);
    },
    purged: () => purged,
    finish: ({ nextSeq, attested }) => {
      for (const { seq, by, what } of refused)
        // Where the order itself is not what it was, that is what is wrong.
        if (!findings.blames(by)) findings.add({ verdict: "MODIFIED", seq, what });
      for (const [by, ranges] of waiting) {
        // Its line was found to be none, or it is one of those that signed statements count and that are gone.
        const isExplained = by < Math.max(nextSeq, attested);
        if (isExplained) continue;
        for (const [seq] of ranges)
          findings.add({
            verdict: "MODIFIED",
            seq,
            what: `its text is gone, and there is no record ${by} that says why`,
          });
      }
    },
  };
}

type Ordered = { readonly seq: number; readonly ranges: readonly SeqRange[] };
