import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno } from "../../shared/errors.ts";
import { inconclusive, judgeFaults, type Check, type Question } from "../check.ts";

const QUESTION: Question = {
  id: "socket",
  title: "Its Unix socket cannot be opened by others",
  where: "host",
  expected: "a socket of the planned user in a folder of the planned user, nothing for others",
};

export type PathFacts = {
  readonly kind: "socket" | "directory" | "other";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
};

export async function checkSocket(
  path: string,
  user: { readonly uid: number; readonly gid: number },
): Promise<Check> {
  return judgeSocket(user, { socket: await factsOf(path), folder: await factsOf(dirname(path)) });
}

export function judgeSocket(
  user: { readonly uid: number; readonly gid: number },
  seen: { readonly socket: PathFacts | undefined; readonly folder: PathFacts | undefined },
): Check {
  const { socket, folder } = seen;
  if (socket === undefined || folder === undefined)
    return inconclusive(QUESTION, { observed: "nothing at its path", reason: "The subject was not seen" });
  const faults = [
    ...(socket.kind === "socket" ? [] : ["what lies there is no socket"]),
    ...faultsOf("the socket", socket, user),
    ...faultsOf("its folder", folder, user),
  ];
  const observed = `socket ${describe(socket)}, folder ${describe(folder)}`;
  return judgeFaults(QUESTION, faults, { observed, reason: "Mode and owner as the host sees them" });
}

function faultsOf(what: string, facts: PathFacts, user: { uid: number; gid: number }): readonly string[] {
  return [
    ...(facts.uid === user.uid && facts.gid === user.gid
      ? []
      : [`${what} belongs to ${facts.uid}:${facts.gid}`]),
    ...((facts.mode & 0o007) === 0 ? [] : [`${what} has mode ${facts.mode.toString(8)}`]),
  ];
}

function describe({ mode, uid, gid }: PathFacts): string {
  return `${mode.toString(8).padStart(4, "0")} ${uid}:${gid}`;
}

async function factsOf(path: string): Promise<PathFacts | undefined> {
  try {
    const stats = await lstat(path);
    const kind = stats.isSocket() ? "socket" : stats.isDirectory() ? "directory" : "other";
    return { kind, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
