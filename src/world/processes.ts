/** Which processes belong to a world: by the network namespace that they are in, or by the control group that they run under. */
import { readdir, readFile, readlink, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../shared/errors.ts";

const CONTROL_GROUPS = "/sys/fs/cgroup";

export async function processesIn(namespace: string): Promise<readonly number[]> {
  const inode = await stat(`/run/netns/${namespace}`).then(({ ino }) => ino, orUndefined);
  if (inode === undefined) return [];
  return await processesWhere(async (pid) => (await readlink(`/proc/${pid}/ns/net`)) === `net:[${inode}]`);
}

export async function processesUnder(controlGroup: string): Promise<readonly number[]> {
  return await processesWhere(async (pid) =>
    (await readFile(`/proc/${pid}/cgroup`, "utf8")).includes(`/${controlGroup}/`),
  );
}

/** Programs that were started with a path below this folder on their command line. */
export async function processesOf(folder: string): Promise<readonly number[]> {
  return await processesWhere(async (pid) =>
    (await readFile(`/proc/${pid}/cmdline`, "utf8")).includes(`${folder}/`),
  );
}

/** KILL to each, and waits until none of what `find` finds is left; gives up after ten seconds. */
export async function endAll(find: () => Promise<readonly number[]>): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const pids = await find();
    if (pids.length === 0) return;
    for (const pid of pids) signalQuietly(pid);
    await sleep(100);
  }
  throw new Error(`Processes of a world do not end: ${(await find()).join(", ")}`);
}

/** Engines leave the folder of their containers' control group behind, one for each controller. */
export async function removeControlGroup(name: string): Promise<void> {
  const controllers = await readdir(CONTROL_GROUPS);
  for (const folder of [CONTROL_GROUPS, ...controllers.map((one) => join(CONTROL_GROUPS, one))])
    await rmdir(join(folder, name)).catch(orUndefined);
}

async function processesWhere(belongs: (pid: number) => Promise<boolean>): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const own = pids.filter((pid) => pid !== process.pid);
  const found = await Promise.all(own.map((pid) => belongs(pid).catch(orUndefined)));
  return own.filter((_, index) => found[index] === true);
}

function signalQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

/** Processes and folders come and go while one looks. */
function orUndefined(error: unknown): undefined {
  for (const code of ["ENOENT", "ESRCH", "ENOTDIR", "EACCES", "EINVAL"])
    if (isErrno(error, code)) return undefined;
  throw error;
}
