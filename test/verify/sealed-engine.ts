/**
 * A real dockerd in a network name space whose only neighbour is another one, in which something answers on 198.51.100.80. No
 * packet of it can reach a real interface: there is none.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exec, PLAIN_ENVIRONMENT } from "../../src/shared/exec.ts";

export type SealedEngine = {
  readonly folder: string;
  readonly address: string;
  docker(...args: readonly string[]): Promise<string>;
  /** Runs a TypeScript file of the tests in the engine's network name space, and gives its output. */
  node(script: string, ...args: readonly string[]): Promise<string>;
  close(): Promise<void>;
};

export const OUTSIDE = "198.51.100.80";

const STOP_MS = 60_000;

export async function startSealedEngine(): Promise<SealedEngine> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-verify-"));
  const [host, outside] = [`clo-v-h-${process.pid}`, `clo-v-o-${process.pid}`];
  const address = `unix://${folder}/docker.sock`;
  const children: ChildProcess[] = [];
  const close = async () => {
    for (const child of children.toReversed()) await stop(child);
    for (const name of [host, outside]) await exec("ip", ["netns", "del", name], { accept: [1] });
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await connect(host, outside);
    const script = join(import.meta.dirname, "outside-child.ts");
    children.push(start("nsenter", [`--net=/run/netns/${outside}`, process.execPath, script, OUTSIDE]));
    children.push(await startDocker(folder, { host, address }));
    return {
      folder,
      address,
      close,
      docker: async (...args) =>
        (await exec("docker", ["-H", address, ...args], { timeoutMs: 120_000 })).stdout.trim(),
      node: async (name, ...args) => {
        const program = [process.execPath, join(import.meta.dirname, name), ...args];
        const options = { timeoutMs: 240_000 };
        return (await exec("nsenter", [`--net=/run/netns/${host}`, ...program], options)).stdout;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connect(host: string, outside: string): Promise<void> {
  await ip("netns", "add", host);
  await ip("netns", "add", outside);
  await ip("-n", host, "link", "add", "up0", "type", "veth", "peer", "name", "in0", "netns", outside);
  await ip("-n", host, "addr", "add", "203.0.113.2/24", "dev", "up0");
  await ip("-n", outside, "addr", "add", "203.0.113.1/24", "dev", "in0");
  await ip("-n", outside, "addr", "add", `${OUTSIDE}/32`, "dev", "lo");
  for (const [name, link] of [
    [host, "lo"],
    [host, "up0"],
    [outside, "lo"],
    [outside, "in0"],
  ] as const)
    await ip("-n", name, "link", "set", link, "up");
  await ip("-n", host, "route", "add", "default", "via", "203.0.113.1");
}

async function ip(...args: readonly string[]): Promise<void> {
  await exec("ip", args);
}

async function startDocker(
  folder: string,
  { host, address }: { readonly host: string; readonly address: string },
): Promise<ChildProcess> {
  await mkdir(join(folder, "exec"));
  await writeFile(join(folder, "resolv.conf"), `nameserver ${OUTSIDE}\n`);
  const options = [
    ["--data-root", join(folder, "data")],
    ["--exec-root", join(folder, "exec")],
    ["--pidfile", join(folder, "docker.pid")],
    ["--host", address],
    ["--bip", "192.0.2.1/26"],
    ["--default-address-pool", "base=198.18.0.0/16,size=24"],
  ].flat();
  const prepare = `mkdir -p /run/docker; mount -t tmpfs tmpfs /run/docker; mount --bind ${folder}/resolv.conf /etc/resolv.conf; exec dockerd "$@" >${folder}/dockerd.log 2>&1`;
  const space = [`--net=/run/netns/${host}`, "unshare", "--mount", "--propagation", "private"];
  const child = start("nsenter", [...space, "sh", "-c", prepare, "dockerd", ...options]);
  for (let tries = 0; tries < 200; tries += 1) {
    const { exitCode } = await exec("docker", ["-H", address, "version"], { accept: [1] });
    if (exitCode === 0) return child;
    await sleep(100);
  }
  await stop(child);
  throw new Error(
    `dockerd did not start: ${(await readFile(join(folder, "dockerd.log"), "utf8")).slice(-1_000)}`,
  );
}

function start(file: string, args: readonly string[]): ChildProcess {
  return spawn(file, args, { stdio: "ignore", env: PLAIN_ENVIRONMENT });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  await Promise.race([ended, sleep(STOP_MS).then(() => child.kill("SIGKILL"))]);
  await ended;
}
