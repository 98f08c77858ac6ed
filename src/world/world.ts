/**
 * Two network namespaces on this machine: `host`, where a real engine runs, and `outside`, which plays the Internet and writes down
 * all that reaches it. No packet of it touches a real interface.
 */
import { access, constants, readFile } from "node:fs/promises";
import { basename, delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../shared/errors.ts";
import { exec, PLAIN_ENVIRONMENT, type ExecOptions, type ExecResult } from "../shared/exec.ts";
import { startProgram, type RunningProgram } from "../shared/program.ts";
import { ownOwner } from "../shared/store/owner.ts";
import { engineAddressOf, startEngine } from "./engine-process.ts";
import type { OutsideEvent } from "./event.ts";
import { createNamespaces, OUTSIDE_DEVICE } from "./namespaces.ts";
import { READY } from "./outside/main.ts";
import { endAll, processesOf } from "./processes.ts";
import { claimId, readRecords, worldFolder, writeRecord, type WorldRecord } from "./record.ts";
import { removeWorld, sweep } from "./sweep.ts";
import { createWatch } from "./watch.ts";

export type World = {
  readonly id: string;
  readonly folder: string;
  readonly hostNamespace: string;
  readonly engineAddress: string;
  /** Runs a program to its end in the host's, or the outside's, network. */
  exec(file: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  execOutside(file: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Everything that reached the outside so far. Throws AppError OUTSIDE_BLIND (inconclusive) where it cannot see any more. */
  events(): Promise<readonly OutsideEvent[]>;
  startEngine(): Promise<void>;
  /** As a crash would end it, with its containerd and shims: nothing is stopped in order, containers are orphans. */
  killEngine(): Promise<void>;
  /** Leaves it to `removeKept` of a later process: it goes on when this one ends. */
  keep(): Promise<void>;
  destroy(): Promise<void>;
};

const NEEDS = {
  ip: "iproute2",
  iptables: "iptables",
  nsenter: "util-linux",
  unshare: "util-linux",
  dockerd: "docker.io",
  tcpdump: "tcpdump",
  openssl: "openssl",
} as const;

const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

/**
 * Takes away first what dead owners left. Throws AppError WORLD_NOT_POSSIBLE (preflight) naming what is missing, and
 * ENGINE_DID_NOT_START (engine).
 */
export async function createWorld(options: { readonly engine: boolean }): Promise<World> {
  await requireWorld();
  await sweep();
  let record = await newRecord();
  const change = async (fields: Partial<WorldRecord>): Promise<void> => {
    record = { ...record, ...fields };
    await writeRecord(record);
  };
  await change({});
  let engine: RunningProgram | undefined;
  let outside: RunningProgram | undefined;
  const start = async (): Promise<void> => {
    engine = await startEngine(record);
    await change({ children: [...record.children, engine.owner] });
  };
  try {
    await createNamespaces(record);
    outside = await startOutside(record);
    await change({ children: [outside.owner] });
    if (options.engine) await start();
  } catch (error) {
    await removeWorld(record);
    throw error;
  }
  return {
    id: record.id,
    folder: worldFolder(record.id),
    hostNamespace: record.hostNamespace,
    engineAddress: engineAddressOf(record.id),
    exec: execIn(record.hostNamespace),
    execOutside: execIn(record.outsideNamespace),
    events: createWatch(record),
    startEngine: start,
    killEngine: async () => {
      await engine?.kill();
      await endAll(() => processesOf(join(worldFolder(record.id), "engine")));
    },
    keep: async () => {
      await change({ kept: true });
      outside?.release();
      engine?.release();
    },
    destroy: () => removeWorld(record),
  };
}

/** Removes every kept world of this machine, whoever kept it. Ids of those that were removed. */
export async function removeKept(): Promise<readonly string[]> {
  const kept = (await readRecords()).filter((record) => record.kept);
  for (const record of kept) await removeWorld(record);
  return kept.map(({ id }) => id);
}

function execIn(namespace: string): World["exec"] {
  return (file, args, options) => exec("nsenter", [`--net=/run/netns/${namespace}`, file, ...args], options);
}

async function newRecord(): Promise<WorldRecord> {
  const owner = await ownOwner();
  const id = await claimId();
  return {
    id,
    owner,
    hostNamespace: `cloister-${id}-host`,
    outsideNamespace: `cloister-${id}-outside`,
    controlGroup: `cloister-world-${id}`,
    kept: false,
    children: [],
  };
}

async function startOutside(record: WorldRecord): Promise<RunningProgram> {
  const logTo = join(worldFolder(record.id), "outside.log");
  const args = [
    `--net=/run/netns/${record.outsideNamespace}`,
    process.execPath,
    ownProgram(),
    "world-outside",
  ];
  const program = await startProgram("nsenter", [...args, worldFolder(record.id), OUTSIDE_DEVICE], {
    env: PLAIN_ENVIRONMENT,
    logTo,
  });
  for (let waitedMs = 0; waitedMs < READY_TIMEOUT_MS && program.isRunning(); waitedMs += POLL_MS) {
    if ((await readFile(logTo, "utf8")).includes(READY)) return program;
    await sleep(POLL_MS);
  }
  await program.kill();
  throw new Error(`The outside did not start: ${(await readFile(logTo, "utf8")).slice(-1_000)}`);
}

/** From a checkout the command line's source; in an appliance the one file that everything was bundled into. */
function ownProgram(): string {
  const file = import.meta.filename;
  return basename(file) === "world.ts" ? join(import.meta.dirname, "../cli.ts") : file;
}

/** For who has long work before `createWorld`, which would then be for nothing. Throws WORLD_NOT_POSSIBLE as that does. */
export async function requireWorld(): Promise<void> {
  const missing: string[] = [];
  for (const [program, debianPackage] of Object.entries(NEEDS))
    if (!(await isInstalled(program))) missing.push(`${program} (Debian package ${debianPackage})`);
  const isRoot = process.getuid?.() === 0;
  if (isRoot && missing.length === 0) return;
  const faults = [...(isRoot ? [] : ["not run as root"]), ...missing.map((one) => `no ${one}`)];
  throw new AppError(
    { class: "preflight", code: "WORLD_NOT_POSSIBLE" },
    `Cannot make network namespaces that play a host and an Internet: ${faults.join(", ")}`,
    {
      hint: `Run it as root, after: apt-get install --no-install-recommends ${[...new Set(Object.values(NEEDS))].join(" ")}`,
      fields: { faults },
    },
  );
}

async function isInstalled(program: string): Promise<boolean> {
  for (const folder of (PLAIN_ENVIRONMENT["PATH"] ?? "").split(delimiter)) {
    try {
      await access(join(folder, program), constants.X_OK);
      return true;
    } catch {
      continue;
    }
  }
  return false;
}
