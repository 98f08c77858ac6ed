/** What the records of a log say of one another, followed in one pass: keys, requests and answers, tombstones, segments. */
import { keyChangeMessage } from "../notes/key-change.ts";
import { parseVerifier, type Verifier } from "../notes/keys.ts";
import type { LedgerRecord, SeqRange } from "../record.ts";
import { AppError } from "../../shared/errors.ts";
import type { Findings } from "./verdict.ts";

export type Follower = {
  record(record: LedgerRecord): void;
  tombstone(seq: number, by: number): void;
  /** Key that signs for trees that end with the newest record. */
  key(): Verifier | undefined;
  /** Every key that the log has named. */
  keys(): readonly Verifier[];
  pending(): ReadonlyMap<number, string>;
  /** Lowest sequence number that a retention run has left, as far as records say. */
  minimum(): number;
  purged(): number;
  /** Once, at the end. */
  finish(): void;
};

type Unsettled = { readonly by: number; ranges: SeqRange[]; count: number };

export function createFollower(findings: Findings, trusted: Verifier | undefined): Follower {
  const pending = new Map<number, string>();
  /** Tombstones whose authority comes later in the log, by its number. */
  const unsettled = new Map<number, Unsettled>();
  const keys: Verifier[] = [];
  let key: Verifier | undefined;
  let minimum = 0;
  let purged = 0;

  function onOpen(record: Extract<LedgerRecord, { type: "open" }>): void {
    const named = verifierOf(record.key);
    if (named === undefined)
      return findings.add({ verdict: "MODIFIED", seq: record.seq, what: "it names no key that can be read" });
    if (key === undefined) {
      key = named;
      keys.push(named);
      if (trusted !== undefined && trusted.vkey !== named.vkey && record.seq === 0)
        findings.add({
          verdict: "KEY_RANGE",
          seq: 0,
          what: "the log begins with another key than the one you trust",
        });
      return;
    }
    if (named.vkey !== key.vkey)
      findings.add({
        verdict: "KEY_RANGE",
        seq: record.seq,
        what: "a segment begins with a key that nobody has vouched for",
      });
  }

  function onKey(record: Extract<LedgerRecord, { type: "key" }>): void {
    const next = verifierOf(record.key);
    const message = keyChangeMessage(key?.name ?? "", record.previous, record.key);
    const isVouched =
      next !== undefined &&
      key?.vkey === record.previous &&
      key.verify(message, Buffer.from(record.signature, "base64"));
    if (!isVouched)
      return findings.add({
        verdict: "KEY_RANGE",
        seq: record.seq,
        what: "the key before has not vouched for this one",
      });
    key = next;
    keys.push(next);
  }

  function onRemoval(record: Extract<LedgerRecord, { type: "purge" | "retain" }>): void {
    const waiting = unsettled.get(record.seq);
    unsettled.delete(record.seq);
    for (const range of waiting?.ranges ?? []) settle(range, record);
  }

  function settle(
    [first, last]: SeqRange,
    record: Extract<LedgerRecord, { type: "purge" | "retain" }>,
  ): void {
    for (let seq = first; seq <= last; seq += 1) {
      const isNamed = record.ranges.some(([from, to]) => from <= seq && seq <= to);
      if (isNamed) purged += 1;
      else
        findings.add({
          verdict: "MODIFIED",
          seq,
          what: `its text is gone, and record ${record.seq} does not say so`,
        });
    }
  }

  return {
    record: (record) => {
      // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- The others say nothing of one another.
      switch (record.type) {
        case "open":
          return onOpen(record);
        case "key":
          return onKey(record);
        case "req":
          pending.set(record.seq, record.id);
          return;
        case "res":
        case "abandon":
          pending.delete(record.req);
          return;
        case "purge":
          return onRemoval(record);
        case "retain":
          minimum = Math.max(minimum, record.minimum);
          return onRemoval(record);
        case "reconcile":
          if (record.verdict === "gap")
            findings.add({
              verdict: "RECONCILE_GAP",
              seq: record.seq,
              what: "llama-server counted tokens that no answer accounts for",
            });
          return;
      }
    },
    tombstone: (seq, by) => {
      if (by <= seq)
        return findings.add({ verdict: "MODIFIED", seq, what: "its tombstone names an earlier record" });
      const waiting = unsettled.get(by) ?? { by, ranges: [], count: 0 };
      unsettled.set(by, waiting);
      waiting.count += 1;
      const last = waiting.ranges.at(-1);
      // Tombstones of one run lie side by side or nearly so; only ranges are remembered.
      if (last !== undefined && last[1] === seq - 1)
        waiting.ranges[waiting.ranges.length - 1] = [last[0], seq];
      else waiting.ranges.push([seq, seq]);
    },
    key: () => key,
    keys: () => keys,
    pending: () => pending,
    minimum: () => minimum,
    purged: () => purged,
    finish: () => {
      for (const { by, ranges } of unsettled.values())
        for (const [first] of ranges)
          findings.add({
            verdict: "MODIFIED",
            seq: first,
            what: `its text is gone, and there is no record ${by} that says why`,
          });
    },
  };
}

function verifierOf(vkey: unknown): Verifier | undefined {
  try {
    return typeof vkey === "string" ? parseVerifier(vkey) : undefined;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
