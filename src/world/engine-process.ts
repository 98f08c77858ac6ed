/** A real Docker engine in the world's host namespace, with everything of its own: data, sockets, resolver, address ranges. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectEngine } from "../shared/engine/engine.ts";
import { AppError } from "../shared/errors.ts";
import { PLAIN_ENVIRONMENT } from "../shared/exec.ts";
import { startProgram, type RunningProgram } from "../shared/program.ts";
import { ENGINE_BRIDGE, ENGINE_POOL, RESOLVER } from "./addresses.ts";
import { worldFolder, type WorldRecord } from "./record.ts";

/**
 * Its mounts are nobody else's. `nsenter --net` and not `ip netns exec`, which would put another /sys over the control groups.
 */
const IN_OWN_MOUNTS = [
  'mount --bind "$0" /etc/resolv.conf',
  "mkdir -p /run/docker",
  "mount -t tmpfs tmpfs /run/docker",
  'exec "$@"',
].join(" && ");

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export function engineAddressOf(id: string): string {
  return `unix://${join(worldFolder(id), "docker.sock")}`;
}

/** Resolves when its API answers. Throws AppError ENGINE_DID_NOT_START (engine) with the last of its log. */
export async function startEngine(record: WorldRecord): Promise<RunningProgram> {
  const folder = worldFolder(record.id);
  const resolver = join(folder, "resolv.conf");
  await writeFile(resolver, `nameserver ${RESOLVER}\n`);
  await mkdir(join(folder, "engine"), { recursive: true });
  // A killed containerd that nobody has reaped counts as running for dockerd, which then waits for it in vain.
  const stale = ["docker.sock", "docker.pid", "engine/exec/containerd/containerd.pid"];
  for (const name of stale) await rm(join(folder, name), { force: true });
  const logTo = join(folder, "dockerd.log");
  const program = await startProgram(
    "nsenter",
    [...entering(record), "/bin/sh", "-c", IN_OWN_MOUNTS, resolver, ...dockerd(record)],
    {
      env: PLAIN_ENVIRONMENT,
      logTo,
    },
  );
  const address = engineAddressOf(record.id);
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS && program.isRunning(); waitedMs += POLL_MS) {
    if (await answers(address)) return program;
    await sleep(POLL_MS);
  }
  await program.kill();
  const log = (await readFile(logTo, "utf8")).trimEnd().split("\n").slice(-50);
  throw new AppError(
    { class: "engine", code: "ENGINE_DID_NOT_START" },
    `Cannot start dockerd in the world: ${log.slice(-3).join(" / ") || "it said nothing"}`,
    { fields: { log } },
  );
}

function entering({ hostNamespace }: WorldRecord): readonly string[] {
  return [`--net=/run/netns/${hostNamespace}`, "unshare", "--mount", "--propagation", "private"];
}

function dockerd({ id, controlGroup }: WorldRecord): readonly string[] {
  const folder = worldFolder(id);
  return [
    "dockerd",
    `--host=${engineAddressOf(id)}`,
    `--pidfile=${join(folder, "docker.pid")}`,
    `--data-root=${join(folder, "engine/data")}`,
    `--exec-root=${join(folder, "engine/exec")}`,
    `--bip=${ENGINE_BRIDGE}`,
    `--default-address-pool=base=${ENGINE_POOL},size=24`,
    `--cgroup-parent=/${controlGroup}`,
    "--exec-opt=native.cgroupdriver=cgroupfs",
  ];
}

async function answers(address: string): Promise<boolean> {
  try {
    await (await connectEngine(address)).info();
    return true;
  } catch (error) {
    if (error instanceof AppError && (error.code === "ENGINE_ABSENT" || error.code === "ENGINE_LOST"))
      return false;
    throw error;
  }
}
