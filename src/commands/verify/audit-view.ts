/** What a run of the suite must have left in the audit log, which must verify besides. */
import { join } from "node:path";
import { auditFolder, auditLogFolder } from "../../appliance/state.ts";
import { isLedgerLine, parseLedgerLine } from "../../audit/line.ts";
import { parseVerifier } from "../../audit/notes/keys.ts";
import { listSegments, readSegment } from "../../audit/segments.ts";
import { failureOf } from "../../audit/verify/verdict.ts";
import { verifyLog } from "../../audit/verify/verify-log.ts";
import { AppError } from "../../shared/errors.ts";
import { fail, inconclusive, pass, type Check, type Question } from "../../verify/check.ts";
import type { Asked } from "../../verify/subject.ts";
import { openWitnessState } from "../../witness/state.ts";
import { witnessKey } from "./witness-key.ts";

/** Of answers that were given, and requests that were refused. */
type AuditCounts = { readonly answers: number; readonly rejects: number };

export type AuditView = {
  counts(): Promise<AuditCounts>;
  judge(before: AuditCounts, asked: Asked): Promise<readonly Check[]>;
};

const COMPLETE: Question = {
  id: "audit-complete",
  title: "What was asked in this run stands in the audit log",
  where: "host",
  expected: "an answer for each completion, a reject for each refusal",
};

const VERIFIES: Question = {
  id: "audit-log",
  title: "The audit log verifies, up to what the witness has seen",
  where: "host",
  expected: "chain, tree, checkpoints and cosignatures agree",
};

export function auditView(stateRoot: string): AuditView {
  const folder = auditLogFolder(stateRoot);
  return {
    counts: async () => await countIn(folder),
    judge: async (before, asked) => [
      judgeComplete(before, await countIn(folder), asked),
      await judgeLog(stateRoot),
    ],
  };
}

async function countIn(folder: string): Promise<AuditCounts> {
  let [answers, rejects] = [0, 0];
  for (const segment of await listSegments(folder))
    await readSegment(folder, segment, (line) => {
      if (!isLedgerLine(line)) return;
      const record = parseLedgerLine(line);
      if (record.type === "res" && record.outcome === "ok") answers += 1;
      if (record.type === "reject") rejects += 1;
    });
  return { answers, rejects };
}

function judgeComplete(before: AuditCounts, after: AuditCounts, asked: Asked): Check {
  const answers = after.answers - before.answers;
  const rejects = after.rejects - before.rejects;
  const observed = `${answers} answers and ${rejects} rejects more; ${asked.completions} completions asked for, ${asked.refusals} refusals`;
  if (asked.completions === 0) return inconclusive(COMPLETE, { observed, reason: "Nothing was asked" });
  // Others may have asked meanwhile: there may be more, and never fewer.
  return answers >= asked.completions && rejects >= asked.refusals
    ? pass(COMPLETE, { observed, reason: "Counted in the ledger before and after" })
    : fail(COMPLETE, { observed, reason: "Something was answered or refused and is not in the log" });
}

async function judgeLog(stateRoot: string): Promise<Check> {
  try {
    const key = await witnessKey(stateRoot);
    const heads = await (await openWitnessState(join(auditFolder(stateRoot), "witness"))).heads();
    const head = heads.at(-1)?.note;
    const witness =
      key === undefined
        ? {}
        : { witness: { key: parseVerifier(key), ...(head === undefined ? {} : { head }) } };
    const { verdict, seq, records, cosigned } = await verifyLog(auditLogFolder(stateRoot), {
      live: true,
      ...witness,
    });
    const observed = `${verdict}${seq === undefined ? "" : ` at ${seq}`}: ${records} records, ${cosigned} cosigned checkpoints`;
    if (failureOf(verdict) !== undefined)
      return fail(VERIFIES, { observed, reason: "`cloister log verify` lists what was found" });
    return cosigned > 0
      ? pass(VERIFIES, { observed, reason: "Read from its first byte to its last just now" })
      : inconclusive(VERIFIES, { observed, reason: "No checkpoint has the witness's cosignature" });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return inconclusive(VERIFIES, { observed: error.message, reason: "The log could not be read" });
  }
}
