import { readdir } from "node:fs/promises";
import type { AuditLog } from "../audit-log.ts";
import { keysFolder } from "../layout.ts";
import { readWrappedKeys } from "../seal.ts";
import { listSegments } from "../segments.ts";
import { scanSegment } from "./scan-log.ts";

export type Dropped = {
  /** Keys that are gone. */
  readonly keys: number;
  /** Keys that seal nothing any more, and that a running request may still hold. */
  readonly later: number;
};

/**
 * Removes wrapped keys that no payload line in the log needs. Those of `fromDay` and later stay: whoever was given one may write
 * with it yet, and what it sealed then would be lost. undefined: nobody was given any.
 */
export async function dropUnusedKeys(log: AuditLog, fromDay: string | undefined): Promise<Dropped> {
  const used = await keysInUse(log.folder);
  let [keys, later] = [0, 0];
  for (const day of await keyDays(log.folder)) {
    const unused = (await readWrappedKeys(log.folder, day))
      .map(({ key }) => key)
      .filter((key) => !used.has(key));
    if (fromDay !== undefined && day >= fromDay) later += unused.length;
    else if (unused.length > 0) keys += await log.dropKeys(day, new Set(unused));
  }
  return { keys, later };
}

async function keysInUse(folder: string): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  for (const segment of await listSegments(folder))
    await scanSegment(folder, segment, ({ payload }) => {
      if (payload.kind === "kept" && payload.key !== undefined) used.add(payload.key);
    });
  return used;
}

async function keyDays(folder: string): Promise<readonly string[]> {
  const names = await readdir(keysFolder(folder));
  return names.flatMap((name) => /^(\d{4}-\d{2}-\d{2})\.jsonl$/.exec(name)?.[1] ?? []).sort();
}
