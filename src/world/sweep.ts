/** Takes worlds away: one's own at its end, and those whose owner died before it could. */
import { rm, rmdir } from "node:fs/promises";
import { isErrno } from "../shared/errors.ts";
import { isAlive } from "../shared/store/owner.ts";
import { deleteNamespace } from "./namespaces.ts";
import { endAll, processesIn, processesUnder, removeControlGroup } from "./processes.ts";
import { readRecords, worldFolder, WORLDS, type WorldRecord } from "./record.ts";

/** Ids of the worlds that were taken away. A kept one stays until it is named. */
export async function sweep(): Promise<readonly string[]> {
  const swept: string[] = [];
  for (const record of await readRecords()) {
    if (record.kept || (await isAlive(record.owner))) continue;
    await removeWorld(record);
    swept.push(record.id);
  }
  return swept;
}

/** Containers first: an engine waits long for one that does not listen. */
export async function removeWorld(record: WorldRecord): Promise<void> {
  await endAll(() => processesUnder(record.controlGroup));
  for (const child of record.children)
    await endAll(async () => ((await isAlive(child)) ? [Number(child.split("-")[0])] : []));
  for (const name of [record.hostNamespace, record.outsideNamespace]) {
    await endAll(() => processesIn(name));
    await deleteNamespace(name);
  }
  await removeControlGroup(record.controlGroup);
  await rm(worldFolder(record.id), { recursive: true, force: true });
  await rmdir(WORLDS).catch((error: unknown) => {
    if (!isErrno(error, "ENOTEMPTY") && !isErrno(error, "ENOENT")) throw error;
  });
}
