/**
 * maintenance.json in the log's folder: that something was begun, written before the first record of it and taken back after the last
 * change. Whoever opens the log looks here instead of reading all of it. What was begun stands in the ledger, and only there.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../shared/errors.ts";
import { syncPath, writeFileWhole } from "../../shared/file.ts";

export type Intent = {
  /** A purge, a retention run or a hold may be half done. */
  readonly unfinished: boolean;
  /** Keys that seal nothing any more could still be in use; from this day on, YYYY-MM-DD, they are not. */
  readonly keysFrom?: string;
};

const MAINTENANCE_FILE = "maintenance.json";
const NOTHING: Intent = { unfinished: false };

/** What cannot be read counts as begun: looking once too often does no harm. */
export async function readIntent(log: string): Promise<Intent> {
  try {
    const text = await readFile(join(log, MAINTENANCE_FILE), "utf8");
    const { unfinished, keysFrom }: Partial<Record<string, unknown>> = { ...Object(JSON.parse(text)) };
    return { unfinished: unfinished !== false, ...(typeof keysFrom === "string" ? { keysFrom } : {}) };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return NOTHING;
    if (error instanceof SyntaxError) return { unfinished: true };
    throw error;
  }
}

/** Durable when it resolves. */
export async function writeIntent(log: string, intent: Intent): Promise<void> {
  const path = join(log, MAINTENANCE_FILE);
  if (intent.unfinished || intent.keysFrom !== undefined)
    await writeFileWhole(path, `${JSON.stringify(intent)}\n`, 0o600);
  else await rm(path, { force: true });
  await syncPath(log);
}
