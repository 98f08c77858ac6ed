/**
 * Holds what the log accounts for against what llama-server counted: tokens that no answer in the log explains left it by another way.
 * Only compared at moments at which no request is under way, when both sides have counted the same ones.
 */
import type { Entry } from "../../audit/audit-log.ts";
import type { Usage } from "../../audit/record.ts";
import type { Counters, Range } from "./counters.ts";

export type Accounts = {
  /** An answer was recorded; without usage it was interrupted, and nobody told us its tokens. */
  answered(usage: Usage | undefined): void;
  /** What to write, given llama-server's counters; undefined where nothing happened since the last time, or nothing new is known. */
  reconcile(now: Counters | undefined): Extract<Entry, { type: "reconcile" }> | undefined;
};

type Sum = { input: number; output: number };

const NOTHING: Sum = { input: 0, output: 0 };

/** `model` stands in each entry: whose counters it is about, where there are several servers. */
export function createAccounts(model?: string): Accounts {
  const about = model === undefined ? {} : { model };
  let logged: Sum = { ...NOTHING };
  let interrupted = 0;
  let before: Counters | undefined;
  /** Said once for as long as the counters cannot be read. */
  let isUnknown = false;

  function settle(now: Counters): void {
    before = now;
    logged = { ...NOTHING };
    interrupted = 0;
    isUnknown = false;
  }

  return {
    answered: (usage) => {
      if (usage === undefined) {
        interrupted += 1;
        return;
      }
      logged.input += usage.input;
      logged.output += usage.output;
    },
    reconcile: (now) => {
      const entry = { type: "reconcile", ...about, logged: { ...logged }, interrupted } as const;
      const unknown = { ...entry, verdict: "unknown", upstream: NOTHING } as const;
      if (now === undefined) {
        const isNews = !isUnknown && !isQuiet(entry);
        isUnknown ||= isNews;
        return isNews ? unknown : undefined;
      }
      // Answers from before the counters were first read cannot be told from what they had counted by then.
      if (before === undefined) {
        settle(now);
        return isQuiet(entry) ? undefined : unknown;
      }
      const input = compare(before.input, now.input, entry.logged.input);
      const output = compare(before.output, now.output, entry.logged.output);
      settle({ input: input.now, output: output.now });
      const upstream = { input: input.counted, output: output.counted };
      if (upstream.input < 0 || upstream.output < 0) return { ...unknown, verdict: "restarted" };
      if (upstream.input === 0 && upstream.output === 0 && isQuiet(entry)) return undefined;
      return { ...entry, verdict: judge(upstream, entry), upstream };
    },
  };
}

function isQuiet({ logged, interrupted }: { readonly logged: Sum; readonly interrupted: number }): boolean {
  return logged.input === 0 && logged.output === 0 && interrupted === 0;
}

/**
 * What was counted in between: of the numbers that the counters leave open, the one nearest to the log's. Where they leave the log's
 * own open, where they stand is known better from then on, so that many small surpluses are one that shows.
 */
function compare(
  before: Range,
  now: Range,
  logged: number,
): { readonly counted: number; readonly now: Range } {
  const least = now.least - before.most;
  const most = now.most - before.least;
  if (logged < least) return { counted: least, now };
  if (logged > most) return { counted: most, now };
  const narrowed = {
    least: Math.max(now.least, before.least + logged),
    most: Math.min(now.most, before.most + logged),
  };
  return { counted: logged, now: narrowed };
}

/** More than the log explains is a gap, unless an interrupted answer may explain it. */
function judge(
  upstream: Sum,
  of: { readonly logged: Sum; readonly interrupted: number },
): "ok" | "gap" | "unknown" {
  const surplus = upstream.output > of.logged.output || upstream.input > of.logged.input;
  if (!surplus) return "ok";
  return of.interrupted > 0 ? "unknown" : "gap";
}
