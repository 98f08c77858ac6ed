/** What the checks take from a record: whoever can write to the log's folder can leave it out. */
import type { LedgerRecord } from "../record.ts";

type Check = (value: unknown) => boolean;

const PARTS: ReadonlyMap<string, readonly (readonly [name: string, is: Check])[]> = new Map([
  [
    "open",
    [
      ["segment", isText],
      ["origin", isText],
      ["key", isText],
    ],
  ],
  ["seal", [["records", isCount]]],
  ["req", [["id", isText]]],
  ["res", [["req", isCount]]],
  ["abandon", [["req", isCount]]],
  ["purge", [["ranges", isRanges]]],
  [
    "retain",
    [
      ["ranges", isRanges],
      ["minimum", isCount],
    ],
  ],
  [
    "key",
    [
      ["key", isText],
      ["previous", isText],
      ["signature", isText],
    ],
  ],
]);

/** A type that is not listed says nothing that is followed. */
export function isWhole(record: LedgerRecord): boolean {
  const fields: Partial<Record<string, unknown>> = record;
  const { payload } = fields;
  if (payload !== undefined && !isPayloadRef(payload)) return false;
  return (PARTS.get(record.type) ?? []).every(([name, is]) => is(fields[name]));
}

function isPayloadRef(value: unknown): boolean {
  return typeof value === "object" && value !== null && "sha256" in value && isText(value.sha256);
}

function isRanges(value: unknown): boolean {
  return Array.isArray(value) && value.every((range) => Array.isArray(range) && range.every(isCount));
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
