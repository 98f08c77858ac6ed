import { compileSchema, type Validator } from "../../shared/schema.ts";
import type { Check, KnownGap, Verdict } from "../check.ts";
import schema from "./report.schema.json" with { type: "json" };

/** One run of the suite. Its JSON form is described by report.schema.json. */
export type VerifyReport = {
  readonly format: 1;
  /** The release that was looked at. */
  readonly release: string;
  readonly verdict: Verdict;
  readonly totals: { readonly pass: number; readonly fail: number; readonly inconclusive: number };
  readonly checks: readonly Check[];
  readonly knownGaps: readonly KnownGap[];
  readonly nonces?: VerifyNonces;
};

/** 16 hex digits each, in every attempt to get out: of the sealed container, and of its twin on an open network. */
export type VerifyNonces = { readonly sealed: string; readonly twin: string };

export const isVerifyReport: Validator<VerifyReport> = compileSchema<VerifyReport>(schema);

export function toReport(
  release: string,
  checks: readonly Check[],
  knownGaps: readonly KnownGap[],
): VerifyReport {
  const count = (verdict: Verdict) => checks.filter((check) => check.verdict === verdict).length;
  const totals = { pass: count("pass"), fail: count("fail"), inconclusive: count("inconclusive") };
  return { format: 1, release, verdict: verdictOf(totals), totals, checks, knownGaps };
}

/** A run without a single pass has shown nothing. */
function verdictOf(totals: VerifyReport["totals"]): Verdict {
  if (totals.fail > 0) return "fail";
  return totals.inconclusive > 0 || totals.pass === 0 ? "inconclusive" : "pass";
}
