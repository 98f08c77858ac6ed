/** What of a world is still on this machine, found by looking at the machine and not at our own records. */
import { access, readdir, readFile, readlink, stat } from "node:fs/promises";
import { exec } from "../../src/shared/exec.ts";
import { readRecords, worldFolder } from "../../src/world/record.ts";

export type Traces = {
  readonly id: string;
  readonly controlGroup: string;
  /** As /proc names them: they tell a process's world when the namespace has no name any more. */
  readonly networks: readonly string[];
};

export type Leftovers = {
  readonly namespaces: readonly string[];
  readonly processes: readonly string[];
  /** Process ids of those in whose mount namespace the world's folder has mounts. */
  readonly mounts: readonly string[];
  readonly controlGroups: readonly string[];
  readonly folder: boolean;
};

export const NOTHING: Leftovers = {
  namespaces: [],
  processes: [],
  mounts: [],
  controlGroups: [],
  folder: false,
};

/** Taken while it is there. */
export async function tracesOf(id: string): Promise<Traces> {
  const record = (await readRecords()).find((one) => one.id === id);
  if (record === undefined) throw new Error(`No world ${id}`);
  const names = [record.hostNamespace, record.outsideNamespace];
  const networks = names.map(async (name) => `net:[${(await stat(`/run/netns/${name}`)).ino}]`);
  return { id, controlGroup: record.controlGroup, networks: await Promise.all(networks) };
}

export async function leftoversOf({ id, controlGroup, networks }: Traces): Promise<Leftovers> {
  const folder = worldFolder(id);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const isProcess = async (pid: string): Promise<boolean> =>
    (await text(`/proc/${pid}/cmdline`)).includes(`${folder}/`) ||
    (await text(`/proc/${pid}/cgroup`)).includes(`/${controlGroup}`) ||
    networks.includes(await readlink(`/proc/${pid}/ns/net`).catch(() => ""));
  const hasMount = async (pid: string): Promise<boolean> =>
    (await text(`/proc/${pid}/mountinfo`)).includes(`${folder}/`);
  const { stdout: namespaces } = await exec("ip", ["netns", "list"]);
  const { stdout: groups } = await exec("find", [
    "/sys/fs/cgroup",
    "-maxdepth",
    "2",
    "-name",
    `${controlGroup}*`,
  ]);
  return {
    namespaces: lines(namespaces).filter((line) => line.includes(`-${id}-`)),
    processes: await those(pids, isProcess),
    mounts: await those(pids, hasMount),
    controlGroups: lines(groups),
    folder: await access(folder).then(
      () => true,
      () => false,
    ),
  };
}

async function those(pids: readonly string[], is: (pid: string) => Promise<boolean>): Promise<string[]> {
  const answers = await Promise.all(pids.map(is));
  return pids.filter((_, index) => answers[index]);
}

/** Processes go while one looks. */
async function text(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

function lines(output: string): readonly string[] {
  return output.split("\n").filter((line) => line !== "");
}
