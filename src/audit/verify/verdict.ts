/** What can be said of a log, worst first. */
import type { ErrorClass } from "../../shared/errors.ts";

const VERDICTS = [
  /** A line, a payload, a tile or a checkpoint is not what it was. */
  "MODIFIED",
  /** The log fits together, and not to what its own key, or the witness, has signed: there are two histories. */
  "FORKED",
  /** Records are gone that a checkpoint, an anchor or the witness has counted. */
  "TRUNCATED",
  /** A key has signed for records that it was not, or no longer, the key of. */
  "KEY_RANGE",
  /** The last line is incomplete; the writer will cut it off. Nothing that was attested is missing. */
  "TORN_TAIL",
  /** Requests have neither an answer nor a word on why there is none. */
  "INCOMPLETE",
  /** llama-server counted tokens that no answer in the log accounts for. */
  "RECONCILE_GAP",
  /** All is well; some records came after the last checkpoint, and nobody has signed for those. */
  "OK_UNANCHORED",
  /** All is well; the text of some records was removed, as records say. */
  "PURGED",
  "OK",
] as const;

export type VerdictName = (typeof VERDICTS)[number];

type Finding = { readonly verdict: VerdictName; readonly seq?: number; readonly what: string };

export type LogVerdict = {
  readonly verdict: VerdictName;
  /** First sequence number that the verdict is about. */
  readonly seq?: number;
  readonly findings: readonly Finding[];
  /** Findings that were left out of the list. */
  readonly more: number;
  readonly origin: string;
  readonly records: number;
  /** Lowest sequence number that is still there. */
  readonly minimum: number;
  readonly payloads: number;
  readonly purged: number;
  /** Records after the newest checkpoint. */
  readonly unanchored: number;
  readonly checkpoints: number;
  readonly cosigned: number;
  readonly anchors: number;
  readonly inFlight: number;
  readonly bytes: number;
};

/** undefined where what was claimed holds. */
export function failureOf(
  verdict: VerdictName,
): Extract<ErrorClass, "integrity" | "failed-check"> | undefined {
  switch (verdict) {
    case "OK":
    case "OK_UNANCHORED":
    case "PURGED":
      return undefined;
    case "INCOMPLETE":
    case "RECONCILE_GAP":
      return "failed-check";
    case "MODIFIED":
    case "FORKED":
    case "TRUNCATED":
    case "KEY_RANGE":
    case "TORN_TAIL":
      return "integrity";
  }
}

const LISTED = 100;
/** Of garbage there is no end; what is beyond this many is found all the same. */
const REMEMBERED = 100_000;

export type Findings = {
  add(finding: Finding): void;
  worst(): Finding | undefined;
  /** Whether this record was found to be modified. */
  blames(seq: number): boolean;
  list(): readonly Finding[];
  more(): number;
};

/** Keeps the first hundred, and the worst. */
export function createFindings(): Findings {
  const kept: Finding[] = [];
  const modified = new Set<number>();
  let worst: Finding | undefined;
  let count = 0;
  return {
    add: (finding) => {
      count += 1;
      if (kept.length < LISTED) kept.push(finding);
      if (finding.verdict === "MODIFIED" && finding.seq !== undefined && modified.size < REMEMBERED)
        modified.add(finding.seq);
      if (worst === undefined || compare(finding, worst) < 0) worst = finding;
    },
    worst: () => worst,
    blames: (seq) => modified.has(seq),
    list: () => kept,
    more: () => count - kept.length,
  };
}

/** Worse ones first, then the ones that begin earlier. */
function compare(a: Finding, b: Finding): number {
  const rank = VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict);
  return rank !== 0 ? rank : (a.seq ?? Infinity) - (b.seq ?? Infinity);
}
