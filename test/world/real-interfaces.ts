/**
 * Looks for the world's packets on this machine's own interfaces. Addresses alone do not tell them: a machine may itself live in a
 * documentation range, or reach its package mirrors there. What has left the world carries one of its nonces, or comes from an address
 * that is nobody's on this machine.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "../../src/shared/exec.ts";
import { startProgram } from "../../src/shared/program.ts";

export type RealTraffic = {
  /** Those of the given nonces that were on an interface. */
  nonces(given: readonly string[]): readonly string[];
  /** Packets into the world's ranges from addresses that are not this machine's, a line each. */
  readonly strangers: readonly string[];
  /** A nonce that was sent over loopback from an address of no interface: both ways of finding must find it. */
  readonly control: string;
  readonly droppedByKernel: number;
};

export type RealInterfaces = { end(): Promise<RealTraffic>; close(): Promise<void> };

const CONTROL_PORT = 39_253;
const CONTROL_SOURCE = "127.0.0.53";
const INTO_WORLD = [
  "dst net 203.0.113.0/24",
  "dst net 198.51.100.0/24",
  "dst net 198.18.0.0/15",
  "dst net 2001:db8::/32",
  "dst host 169.254.169.254",
  `udp dst port ${CONTROL_PORT}`,
].join(" or ");

export async function watchRealInterfaces(): Promise<RealInterfaces> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-real-"));
  const path = join(folder, "real.pcap");
  const said: string[] = [];
  // As root it would otherwise give its privileges up, and with them the folder.
  const capture = ["--immediate-mode", "-Z", "root", "-U", "-n", "-s", "512", "-i", "any", "-w", path];
  const program = await startProgram("tcpdump", [...capture, INTO_WORLD], {
    onLine: (line) => said.push(line),
  });
  while (!said.some((line) => line.includes("listening on")) && program.isRunning()) await sleep(20);
  return {
    end: async () => {
      const control = randomBytes(8).toString("hex");
      await sendControl(control);
      while (!(await readFile(path)).includes(control) && program.isRunning()) await sleep(20);
      await program.stop(10_000);
      const bytes = await readFile(path);
      return {
        nonces: (given) => given.filter((nonce) => bytes.includes(nonce)),
        strangers: await strangersIn(path),
        control,
        droppedByKernel: droppedIn(said),
      };
    },
    close: async () => {
      await program.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** All of 127.0.0.0/8 may be sent from, and only 127.0.0.1 is an interface's address. */
async function sendControl(nonce: string): Promise<void> {
  const program = `const socket = require("node:dgram").createSocket("udp4");
    socket.bind(0, "${CONTROL_SOURCE}", () =>
      socket.send("n${nonce}", ${CONTROL_PORT}, "127.0.0.1", () => socket.close()));`;
  await exec(process.execPath, ["--eval", program]);
}

async function strangersIn(path: string): Promise<readonly string[]> {
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  const others = own.map((address) => `not src host ${address.split("%")[0]}`).join(" and ");
  const { stdout } = await exec("tcpdump", ["-Z", "root", "-n", "-r", path, others]);
  return stdout.split("\n").filter((line) => line !== "");
}

function droppedIn(said: readonly string[]): number {
  const line = said.find((one) => one.includes("dropped by kernel"));
  if (line === undefined) throw new Error(`tcpdump did not say what it dropped: ${said.join(" / ")}`);
  return Number.parseInt(line, 10);
}
