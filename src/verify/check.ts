/**
 * One question of the suite and its answer. A check passes only where its subject was seen and every control that belongs to it got
 * through; a missing subject or control makes it inconclusive.
 */
export type Verdict = "pass" | "fail" | "inconclusive";

export type Check = {
  readonly id: string;
  /** Of which container; absent where it is of the whole stack. */
  readonly service?: string;
  readonly title: string;
  readonly where: "host" | "inside";
  readonly verdict: Verdict;
  readonly expected: string;
  readonly observed: string;
  /** The positive control that stood beside a negative, and what it showed. */
  readonly control?: string;
  /** Why this verdict follows. */
  readonly reason: string;
};

/** Something that is known not to hold yet. It is always printed and never counted as a pass. */
export type KnownGap = {
  readonly id: string;
  readonly title: string;
  readonly state: "open" | "closed" | "unknown";
  readonly observed: string;
  readonly control?: string;
  readonly reason: string;
};

/** What every check has before anything was observed. */
export type Question = Pick<Check, "id" | "service" | "title" | "where" | "expected">;

export function pass(question: Question, answer: Answer): Check {
  return { ...question, ...answer, verdict: "pass" };
}

export function fail(question: Question, answer: Answer): Check {
  return { ...question, ...answer, verdict: "fail" };
}

export function inconclusive(question: Question, answer: Answer): Check {
  return { ...question, ...answer, verdict: "inconclusive" };
}

export type Answer = Pick<Check, "observed" | "control" | "reason">;

/** Fails with every fault that was found, passes where there is none. */
export function judgeFaults(
  question: Question,
  faults: readonly string[],
  answer: { readonly observed: string; readonly reason: string; readonly control?: string },
): Check {
  if (faults.length === 0) return pass(question, answer);
  return fail(question, {
    ...answer,
    observed: summarize(faults),
    reason: `${plural(faults.length, "difference")} found`,
  });
}

const SHOWN = 12;

export function summarize(items: readonly string[]): string {
  const rest = items.length - SHOWN;
  return [...items.slice(0, SHOWN), ...(rest > 0 ? [`and ${rest} more`] : [])].join("; ");
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
