/** What the records of a log say of one another, followed in one pass: keys, requests and answers, retention, token counts. */
import { keyChangeMessage } from "../notes/key-change.ts";
import { parseVerifier, type Verifier } from "../notes/keys.ts";
import type { LedgerRecord } from "../record.ts";
import { AppError } from "../../shared/errors.ts";
import type { Findings } from "./verdict.ts";

export type Follower = {
  record(record: LedgerRecord): void;
  /** Key that signs for trees that end with the newest record. */
  key(): Verifier | undefined;
  /** Every key that the log has named, in order. */
  keys(): readonly Verifier[];
  /** Requests that wait for their answer, by sequence number. */
  pending(): ReadonlyMap<number, string>;
  /** Lowest sequence number that a retention run has left, as far as records say. */
  minimum(): number;
};

export function createFollower(findings: Findings, origin: string): Follower {
  const pending = new Map<number, string>();
  const keys: Verifier[] = [];
  let key: Verifier | undefined;
  let minimum = 0;

  function onOpen(record: Extract<LedgerRecord, { type: "open" }>): void {
    const named = verifierOf(record.key);
    if (record.origin !== origin)
      findings.add({ verdict: "MODIFIED", seq: record.seq, what: "it is of another log than log.json says" });
    if (named === undefined)
      return findings.add({ verdict: "MODIFIED", seq: record.seq, what: "it names no key that can be read" });
    if (key === undefined) {
      key = named;
      keys.push(named);
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
    const message = keyChangeMessage(origin, record.previous, record.key);
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
        case "retain":
          minimum = Math.max(minimum, record.minimum);
          return;
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
    key: () => key,
    keys: () => keys,
    pending: () => pending,
    minimum: () => minimum,
  };
}

function verifierOf(vkey: string): Verifier | undefined {
  try {
    return parseVerifier(vkey);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
