/**
 * What a world has made on this machine, written down before it is made, so that whoever comes later can take it away:
 *
 *   /run/cloister-world/<id>/world.json   namespaces, the owner, its children
 *   /run/cloister-world/<id>/…            sockets, logs, the engine's data
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readableJson } from "../shared/canonical-json.ts";
import { isErrno } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import { compareCodeUnits } from "../shared/order.ts";

export type WorldRecord = {
  readonly id: string;
  /** The process that made it. */
  readonly owner: string;
  readonly hostNamespace: string;
  readonly outsideNamespace: string;
  /** Every container of the world's engine runs below this control group. */
  readonly controlGroup: string;
  /** Stays when its owner is gone: somebody wants to look around. */
  readonly kept: boolean;
  /** Programs that run for it, each by process id and start time. */
  readonly children: readonly string[];
};

export const WORLDS = "/run/cloister-world";

export function worldFolder(id: string): string {
  return join(WORLDS, id);
}

/** A fresh id, whose folder now is ours: "<pid>-<n>". */
export async function claimId(): Promise<string> {
  await mkdir(WORLDS, { recursive: true, mode: 0o755 });
  for (let serial = 1; ; serial += 1) {
    const id = `${process.pid}-${serial}`;
    try {
      await mkdir(worldFolder(id), { mode: 0o755 });
      return id;
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

export async function writeRecord(record: WorldRecord): Promise<void> {
  await writeFileWhole(join(worldFolder(record.id), "world.json"), readableJson(record));
}

/** Sorted by id. A folder without a whole record has nothing yet that would need taking away but itself. */
export async function readRecords(): Promise<readonly WorldRecord[]> {
  const ids = await readdir(WORLDS).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  const records = await Promise.all([...ids].sort(compareCodeUnits).map(readRecord));
  return records.filter((record) => record !== undefined);
}

async function readRecord(id: string): Promise<WorldRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(worldFolder(id), "world.json"), "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR") || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}
