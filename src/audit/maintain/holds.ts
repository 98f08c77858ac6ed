/** Legal holds: what they cover is neither purged nor retired while they are set. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { syncPath, writeFileWhole } from "../../shared/file.ts";
import { compareCodeUnits } from "../../shared/order.ts";
import { compileSchema, parseAs, type Validator } from "../../shared/schema.ts";
import { HOLDS_FILE } from "../layout.ts";
import type { LedgerRecord, Selector } from "../record.ts";
import { SELECTOR_SCHEMA } from "./selector-schema.ts";
import { createMatcher } from "./selector.ts";

export type Hold = {
  readonly name: string;
  readonly selector: Selector;
  readonly reason: string;
  readonly by: string;
};

const validate: Validator<readonly Hold[]> = compileSchema<readonly Hold[]>({
  type: "array",
  items: {
    type: "object",
    additionalProperties: false,
    required: ["name", "selector", "reason", "by"],
    properties: {
      name: { type: "string" },
      selector: SELECTOR_SCHEMA,
      reason: { type: "string" },
      by: { type: "string" },
    },
  },
});

/** Sorted by name. Throws AppError HOLDS_UNREADABLE (integrity): what cannot be read is never taken for "none". */
export async function readHolds(log: string): Promise<readonly Hold[]> {
  const path = join(log, HOLDS_FILE);
  try {
    return parseAs(await readFile(path, "utf8"), { validate, invalid: (why) => unreadable(path, why) });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Durable when it resolves. */
export async function writeHolds(log: string, holds: readonly Hold[]): Promise<void> {
  const sorted = [...holds].sort((a, b) => compareCodeUnits(a.name, b.name));
  await writeFileWhole(join(log, HOLDS_FILE), `${JSON.stringify(sorted, undefined, 2)}\n`, 0o600);
  await syncPath(log);
}

/** Names of the holds that cover a record; asked about records in their order. */
export function createHoldMatcher(holds: readonly Hold[]): (record: LedgerRecord) => readonly string[] {
  const matchers = holds.map(({ name, selector }) => ({ name, matches: createMatcher(selector) }));
  // Every matcher must see every record: it remembers whose request was whose.
  return (record) => matchers.filter(({ matches }) => matches(record)).map(({ name }) => name);
}

function unreadable(path: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "HOLDS_UNREADABLE" },
    `Cannot tell what is held by "${path}": ${why}`,
    { fields: { path }, hint: "Nothing is removed until the file is whole again" },
  );
}
