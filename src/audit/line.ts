import { AppError } from "../shared/errors.ts";
import { MAX_LEDGER_LINE_BYTES, type LedgerRecord, type RecordBody, type RecordHead } from "./record.ts";

const LEDGER_START = Buffer.from('{"v":1,"seq":');

/** Without newline. The head stands first and in its own order, so that a ledger line is known by how it begins. */
export function encodeLedgerLine(head: RecordHead, body: RecordBody): Buffer {
  const { v, seq, prev, ts, mono } = head;
  const line = Buffer.from(JSON.stringify({ v, seq, prev, ts, mono, ...body }));
  if (line.length > MAX_LEDGER_LINE_BYTES)
    throw new Error(
      `A record of type ${body.type} takes ${line.length} bytes, more than a ledger line may have`,
    );
  return line;
}

export function isLedgerLine(line: Uint8Array): boolean {
  return line.length > LEDGER_START.length && LEDGER_START.equals(line.subarray(0, LEDGER_START.length));
}

/** Throws AppError RECORD_MALFORMED (integrity): no JSON, or a head that is not one. What a type adds is not looked at. */
export function parseLedgerLine(line: Uint8Array): LedgerRecord {
  const value = parseJson(line);
  if (!isRecord(value)) throw malformed("its head is not one of format 1");
  return value;
}

function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.length).toString("utf8"));
  } catch (error) {
    throw malformed("it is no JSON", error);
  }
}

/** The rest of a record is bound by the hash of its line: who wrote the head wrote it. */
function isRecord(value: unknown): value is LedgerRecord {
  if (typeof value !== "object" || value === null) return false;
  const { v, seq, prev, ts, mono, type }: Partial<Record<string, unknown>> = { ...value };
  return (
    v === 1 &&
    Number.isSafeInteger(seq) &&
    typeof prev === "string" &&
    prev.length === 64 &&
    typeof ts === "string" &&
    typeof mono === "number" &&
    typeof type === "string"
  );
}

function malformed(why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "integrity", code: "RECORD_MALFORMED" },
    `Cannot read a line of the ledger: ${why}`,
    cause === undefined ? {} : { cause },
  );
}
