import { isLedgerLine, parseLedgerLine } from "../../../src/audit/line.ts";
import type { LedgerRecord } from "../../../src/audit/record.ts";
import { listSegments, readSegment } from "../../../src/audit/segments.ts";

/** Every record of a log, in order. */
export async function readRecords(log: string): Promise<readonly LedgerRecord[]> {
  const records: LedgerRecord[] = [];
  for (const segment of await listSegments(log))
    await readSegment(log, segment, (line) => {
      if (isLedgerLine(line)) records.push(parseLedgerLine(line));
    });
  return records;
}

/** Every payload line, as text. */
export async function readPayloadLines(log: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const segment of await listSegments(log))
    await readSegment(log, segment, (line) => {
      if (!isLedgerLine(line)) lines.push(line.toString("utf8"));
    });
  return lines;
}
