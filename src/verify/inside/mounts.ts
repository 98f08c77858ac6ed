import { constants } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { isErrno } from "../../shared/errors.ts";
import { inconclusive, judgeFaults, plural, summarize, type Check, type Question } from "../check.ts";
import type { InsidePlan, PlannedMount } from "./plan.ts";
import { parseMountinfo, type Mount } from "./procfs.ts";

const QUESTION: Question = {
  id: "read-only-root",
  title: "The root is read-only and nothing is mounted but what was planned",
  where: "inside",
  expected:
    "root mounted ro, a write refused with EROFS, writable only what the stack mounts and the engine's own",
};

/** What a write to a place ended with: an errno, or "written". */
export type WriteOutcome = string;

/** Mounts that an engine makes in each container: devices, kernel views and the three files that it keeps up to date. */
const ENGINE_MOUNTS =
  /^\/(?:proc|sys|dev)(?:\/|$)|^\/etc\/(?:hosts|hostname|resolv\.conf)$|^\/run\/\.containerenv$/;

export async function checkMounts(plan: InsidePlan): Promise<Check> {
  const name = `.cloister-verify-${plan.nonce}`;
  return judgeMounts(plan.mounts, {
    mounts: parseMountinfo(await readFile("/proc/1/mountinfo", "utf8")),
    rootWrite: await tryWrite(`/proc/1/root/${name}`),
    tmpfsWrite: await tryWrite(`/tmp/${name}`),
  });
}

export function judgeMounts(
  planned: readonly PlannedMount[],
  seen: {
    readonly mounts: readonly Mount[];
    readonly rootWrite: WriteOutcome;
    readonly tmpfsWrite: WriteOutcome;
  },
): Check {
  const control = `the same write to the companion's own tmpfs: ${seen.tmpfsWrite}`;
  const root = seen.mounts.findLast(({ path }) => path === "/");
  if (root === undefined)
    return inconclusive(QUESTION, {
      observed: "no root mount seen",
      control,
      reason: "The subject was not seen",
    });
  const others = seen.mounts.filter(({ path }) => path !== "/" && !ENGINE_MOUNTS.test(path));
  const faults = [
    ...(root.writable ? ["the root is mounted writable"] : []),
    ...(seen.rootWrite === "EROFS" ? [] : [`a write to the root ended with ${seen.rootWrite}`]),
    ...others.flatMap((mount) => faultsOf(mount, planned)),
  ];
  const listed = others.map(({ path, writable }) => `${path} ${writable ? "rw" : "ro"}`);
  const observed = `root ro, write EROFS; ${plural(others.length, "planned mount")}: ${summarize(listed)}`;
  if (faults.length === 0 && seen.tmpfsWrite !== "written")
    return inconclusive(QUESTION, {
      observed,
      control,
      reason: "The control write failed, so EROFS proves nothing",
    });
  return judgeFaults(QUESTION, faults, { observed, control, reason: "Mount table and a real write agree" });
}

function faultsOf({ path, writable }: Mount, planned: readonly PlannedMount[]): readonly string[] {
  const plan = planned.find((mount) => mount.path === path);
  if (plan === undefined) return [`${path} is mounted and was not planned`];
  return writable && !plan.writable ? [`${path} is mounted writable`] : [];
}

async function tryWrite(path: string): Promise<WriteOutcome> {
  try {
    const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    await file.close();
    await rm(path);
    return "written";
  } catch (error) {
    for (const code of ["EROFS", "EACCES", "EPERM", "ENOENT", "ENOSPC"])
      if (isErrno(error, code)) return code;
    throw error;
  }
}
