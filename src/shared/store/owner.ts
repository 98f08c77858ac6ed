/** Who is writing a partial file: a process by its id and start time, so that a later process with the same id is another owner. */
import { readFile } from "node:fs/promises";
import { isErrno } from "../errors.ts";

/** This process, without dots: "1234-567890". */
export async function ownOwner(): Promise<string> {
  return `${process.pid}-${(await startOf(process.pid)) ?? "0"}`;
}

/** The same of another process; undefined where there is none. */
export async function ownerOf(pid: number): Promise<string | undefined> {
  const start = await startOf(pid);
  return start === undefined ? undefined : `${pid}-${start}`;
}

export async function isAlive(owner: string): Promise<boolean> {
  const [pid, start] = owner.split("-");
  return start !== undefined && (await startOf(Number(pid))) === start;
}

/**
 * Field 22 of proc_pid_stat(5); the fields are counted from behind the program's name, which may hold anything. A process that has
 * ended and waits for its parent to notice (state Z or X) writes no more, and its parent may never notice.
 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}
