import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../shared/errors.ts";
import { inconclusive, judgeFaults, type Check, type Question } from "../check.ts";
import { parseStatus, type ProcessStatus } from "./procfs.ts";

const QUESTION: Question = {
  id: "processes",
  title: "Every process runs as the planned user without any power",
  where: "inside",
  expected:
    "planned user and group, no other group, all five capability sets empty, no new privileges, seccomp filter",
};

/** Of the engine's own starter, which has every power until it has become the health check that it starts. */
const LOOKS = 20;
const PAUSE_MS = 100;

/** A process that is found wanting is looked at again, until it is as it should be, or gone, or has been wanting for two seconds. */
export async function checkProcesses(
  { user }: { readonly user: { uid: number; gid: number } },
  read = readProcesses,
): Promise<Check> {
  let seen = await read();
  let wanting = wantingIn(seen, user);
  for (let look = 1; look < LOOKS && wanting.length > 0; look += 1) {
    await sleep(PAUSE_MS);
    seen = await read();
    wanting = wantingIn(seen, user).filter((pid) => wanting.includes(pid));
  }
  const fresh = wantingIn(seen, user).filter((pid) => !wanting.includes(pid));
  return judgeProcesses(
    user,
    seen.filter(({ pid }) => !fresh.includes(pid)),
  );
}

function wantingIn(
  processes: readonly ProcessStatus[],
  user: { readonly uid: number; readonly gid: number },
): readonly number[] {
  return processes.flatMap((one) => (faultsOf(one, user).length > 0 ? [one.pid] : []));
}

export function judgeProcesses(
  user: { readonly uid: number; readonly gid: number },
  processes: readonly ProcessStatus[],
): Check {
  const answer = {
    observed: `${processes.length} seen, all of user ${user.uid}, capabilities 0, NoNewPrivs 1, Seccomp 2`,
    reason: "Every status file under /proc says so, process 1's among them",
  };
  if (!processes.some(({ pid }) => pid === 1)) {
    const observed = "no readable status of process 1";
    return inconclusive(QUESTION, { observed, reason: "The process to look at was not seen" });
  }
  return judgeFaults(
    QUESTION,
    processes.flatMap((process) =>
      faultsOf(process, user).map((fault) => `process ${process.pid}: ${fault}`),
    ),
    answer,
  );
}

function faultsOf(process: ProcessStatus, user: { uid: number; gid: number }): readonly string[] {
  const { uids, gids, groups, capabilities } = process;
  const faults = Object.entries(capabilities).flatMap(([name, set]) =>
    /^0+$/.test(set) ? [] : [`${name} ${set}`],
  );
  if (uids.length !== 4 || uids.some((uid) => uid !== user.uid)) faults.push(`user ${uids.join(",")}`);
  if (gids.length !== 4 || gids.some((gid) => gid !== user.gid)) faults.push(`group ${gids.join(",")}`);
  if (groups.some((group) => group !== user.gid)) faults.push(`further groups ${groups.join(",")}`);
  if (process.noNewPrivileges !== "1") faults.push(`NoNewPrivs ${process.noNewPrivileges}`);
  if (process.seccomp !== "2") faults.push(`Seccomp ${process.seccomp}`);
  return faults;
}

async function readProcesses(): Promise<readonly ProcessStatus[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const statuses = await Promise.all(pids.map(readStatus));
  return statuses.flatMap((status) => status ?? []).sort((a, b) => a.pid - b.pid);
}

/** A process may end between the listing and the reading. */
async function readStatus(pid: string): Promise<ProcessStatus | undefined> {
  try {
    return parseStatus(await readFile(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}
