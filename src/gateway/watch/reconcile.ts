/**
 * Holds what the log accounts for against what llama-server counted: tokens that no answer in the log explains left it by another way.
 * Only compared at moments at which no request is under way, when both sides have counted the same ones.
 */
import type { Entry } from "../../audit/audit-log.ts";
import type { Usage } from "../../audit/record.ts";
import type { Counters } from "./counters.ts";

export type Accounts = {
  /** An answer was recorded; without usage it was interrupted, and nobody told us its tokens. */
  answered(usage: Usage | undefined): void;
  /** What to write, given llama-server's counters; undefined where nothing happened since the last time. */
  reconcile(now: Counters | undefined): Extract<Entry, { type: "reconcile" }> | undefined;
};

type Sum = { input: number; output: number };

export function createAccounts(): Accounts {
  let logged: Sum = { input: 0, output: 0 };
  let interrupted = 0;
  let before: Counters | undefined;

  function settle(now: Counters | undefined): void {
    before = now;
    logged = { input: 0, output: 0 };
    interrupted = 0;
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
      const entry = { type: "reconcile", logged: { ...logged }, interrupted } as const;
      if (now === undefined)
        return isQuiet(entry)
          ? undefined
          : { ...entry, verdict: "unknown", upstream: { input: 0, output: 0 } };
      if (before === undefined) {
        settle(now);
        return undefined;
      }
      const upstream = { input: now.input - before.input, output: now.output - before.output };
      settle(now);
      if (upstream.input === 0 && upstream.output === 0 && isQuiet(entry)) return undefined;
      if (upstream.input < 0 || upstream.output < 0)
        return { ...entry, verdict: "restarted", upstream: { input: 0, output: 0 } };
      return { ...entry, verdict: judge(upstream, entry), upstream };
    },
  };
}

function isQuiet({ logged, interrupted }: { readonly logged: Sum; readonly interrupted: number }): boolean {
  return logged.input === 0 && logged.output === 0 && interrupted === 0;
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
