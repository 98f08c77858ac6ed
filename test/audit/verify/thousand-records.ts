import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isLedgerLine } from "../../../src/audit/line.ts";
import { answer, request, text } from "../write/entries.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";

export const PAYLOADS = 40;

/**
 * A closed log of a thousand records, in one segment that is not compressed. One in twenty-five has a text: lines of both kinds stand
 * beside each other in all orders, and the log is small enough to be spoilt at every byte.
 */
export async function thousandRecords(): Promise<{ readonly log: string; readonly keys: string }> {
  const at = await scratchFolder();
  const { log } = await openScratchLog(at);
  for (let index = 1; index < 998; index += 1) {
    const id = `r${index - (index % 50)}`;
    if (index % 50 === 1) log.append(request(id), text("question"));
    else if (index % 50 === 2) log.append(answer(id, index - 1), text("answer"));
    else log.append({ type: "heartbeat" });
    if (index % 300 === 0) await log.checkpoint();
  }
  await log.close();
  return at;
}

/** Below the log's folder. */
export async function onlySegment(log: string): Promise<string> {
  const [name, another] = await readdir(join(log, "ledger"));
  if (name === undefined || another !== undefined) throw new Error("The log has not one segment");
  return join("ledger", name);
}

export type Line = {
  readonly start: number;
  /** Where the next one starts. */
  readonly end: number;
  /** Number of the record that it is, or whose text it is. */
  readonly seq: number;
  readonly isRecord: boolean;
  /** The next line is its text. */
  readonly hasText: boolean;
};

export function linesOf(segment: Buffer): readonly Line[] {
  const lines: Line[] = [];
  let seq = -1;
  for (let start = 0; start < segment.length; start = lines.at(-1)?.end ?? segment.length) {
    const end = segment.indexOf("\n", start) + 1;
    const line = segment.subarray(start, end);
    const isRecord = isLedgerLine(line);
    if (isRecord) seq = Number(/^\{"v":1,"seq":(\d+)/.exec(line.toString("latin1"))?.[1]);
    lines.push({ start, end, seq, isRecord, hasText: line.includes('"payload":{') });
  }
  return lines;
}
