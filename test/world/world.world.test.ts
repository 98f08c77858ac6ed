import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleProgram, CLI_ENTRY } from "../../src/builder/bundle.ts";
import { connectEngine } from "../../src/shared/engine/engine.ts";
import { exec } from "../../src/shared/exec.ts";
import { startProgram, type RunningProgram } from "../../src/shared/program.ts";
import { readEvents } from "../../src/world/event.ts";
import { createNamespaces, deleteNamespace, OUTSIDE_DEVICE } from "../../src/world/namespaces.ts";
import { readRecords, writeRecord } from "../../src/world/record.ts";
import { removeWorld, sweep } from "../../src/world/sweep.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { docker, IMAGE, importBusybox } from "./containers.ts";
import { leftoversOf, NOTHING, tracesOf } from "./leftovers.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld({ engine: true });
});
afterAll(() => world.destroy());

async function sendFrom(host: World): Promise<string> {
  const nonce = randomBytes(8).toString("hex");
  await host.exec("bash", ["-c", 'printf "n%s" "$1" >/dev/udp/203.0.113.80/7000', "send", nonce]);
  return nonce;
}

async function linksOf(where: World["exec"]): Promise<readonly string[]> {
  const { stdout } = await where("ip", ["-j", "link", "show", "up"]);
  const links: readonly { readonly ifname: string }[] = JSON.parse(stdout);
  return links.map(({ ifname }) => ifname).sort();
}

/** To every process in its namespace: the one that answers, and the capture. */
async function signalOutside(of: World, signal: NodeJS.Signals): Promise<void> {
  const { stdout } = await exec("ip", ["netns", "pids", of.hostNamespace.replace(/host$/, "outside")]);
  const pids = stdout.trim().split("\n").map(Number);
  expect(pids.length).toBeGreaterThan(1);
  for (const pid of pids) process.kill(pid, signal);
}

async function seesNonce(host: World, nonce: string): Promise<boolean> {
  return (await host.events()).some(({ nonces }) => nonces.includes(nonce));
}

describe("a world", () => {
  test("its namespaces have no interface but loopback, the wire between them and the engine's bridge", async () => {
    expect(await linksOf((...args) => world.exec(...args))).toEqual(["docker0", "lo", "up0"]);
    expect(await linksOf((...args) => world.execOutside(...args))).toEqual(["in0", "lo"]);
  });

  test("no address in it is of any range but documentation, link-local and loopback", async () => {
    const ranges =
      /^(127\.0\.0\.1|::1|fe80:.*|192\.0\.2\..*|198\.51\.100\..*|203\.0\.113\..*|2001:db8:.*|169\.254\.169\.254)$/;
    for (const where of ["exec", "execOutside"] as const) {
      const { stdout } = await world[where]("ip", ["-j", "address"]);
      const links: readonly { readonly addr_info: readonly { readonly local: string }[] }[] =
        JSON.parse(stdout);
      const addresses = links.flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
      expect(addresses.length).toBeGreaterThan(4);
      expect(addresses.filter((address) => !ranges.test(address))).toEqual([]);
    }
  });

  test("forwards packets in its host namespace, and leaves this machine's own setting alone", async () => {
    const path = "/proc/sys/net/ipv4/ip_forward";
    const before = (await readFile(path, "utf8")).trim();
    expect((await world.exec("cat", [path])).stdout.trim()).toBe("1");
    const second = await createWorld({ engine: true });
    await second.destroy();
    expect((await readFile(path, "utf8")).trim()).toBe(before);
  });

  test("its engine answers, resolves by the outside's name server, and takes addresses of its own ranges", async () => {
    await importBusybox(world);
    expect((await (await connectEngine(world.engineAddress)).info()).dataRoot).toContain(world.folder);
    await docker(world, "network", "create", "pool");
    const subnet = await docker(
      world,
      "network",
      "inspect",
      "pool",
      "--format",
      "{{(index .IPAM.Config 0).Subnet}}",
    );
    expect(subnet).toMatch(/^198\.18\.\d+\.0\/24$/);
    const resolver = await docker(world, "run", "--rm", IMAGE, "/usr/bin/busybox", "cat", "/etc/resolv.conf");
    expect(resolver).toContain("nameserver 203.0.113.53");
  });

  test("its engine can be killed as in a crash, and started again with what it had", async () => {
    await docker(world, "network", "create", "kept");
    await docker(world, "run", "--detach", "--name", "sleeper", IMAGE, "/usr/bin/busybox", "sleep", "1000");
    await world.killEngine();
    const engine = await connectEngine(world.engineAddress);
    await expect(engine.info()).rejects.toMatchObject({ code: expect.stringMatching(/^ENGINE_/) });
    await world.startEngine();
    expect((await engine.network("kept"))?.name).toBe("kept");
    await docker(world, "rm", "--force", "sleeper");
    expect(await docker(world, "run", "--rm", IMAGE, "/usr/bin/busybox", "echo", "again")).toBe("again");
  });
});

describe("what the outside saw", () => {
  test("is waited for where the outside is behind", async () => {
    await signalOutside(world, "SIGSTOP");
    let resumed = false;
    try {
      const nonce = await sendFrom(world);
      const asked = seesNonce(world, nonce);
      // Long enough for an answer that does not wait; the one that does takes as long as it takes.
      await sleep(500);
      await signalOutside(world, "SIGCONT");
      resumed = true;
      expect(await asked).toBe(true);
    } finally {
      if (!resumed) await signalOutside(world, "SIGCONT");
    }
  });

  test("holds none of the markers by which it is shown to be alive", async () => {
    const before = await world.events();
    expect(await world.events()).toEqual(before);
  });

  test("of two worlds at once is each one's own", async () => {
    const second = await createWorld({ engine: false });
    try {
      const [here, there] = [await sendFrom(world), await sendFrom(second)];
      expect([await seesNonce(world, here), await seesNonce(second, there)]).toEqual([true, true]);
      expect([await seesNonce(world, there), await seesNonce(second, here)]).toEqual([false, false]);
    } finally {
      await second.destroy();
    }
  });

  test("is not said once it cannot see any more", async () => {
    const blind = await createWorld({ engine: false });
    try {
      await blind.events();
      await signalOutside(blind, "SIGKILL");
      await expect(blind.events()).rejects.toMatchObject({ code: "OUTSIDE_BLIND", class: "inconclusive" });
    } finally {
      await blind.destroy();
    }
  });

  test("is seen by the one bundled program as well", async () => {
    const folder = await mkdtemp(join(tmpdir(), "cloister-world-test-"));
    const names = {
      hostNamespace: `cloister-test-${process.pid}-host`,
      outsideNamespace: `cloister-test-${process.pid}-outside`,
    };
    let program: RunningProgram | undefined;
    try {
      const bundle = join(folder, "cloister.mjs");
      await writeFile(bundle, (await bundleProgram(join(import.meta.dirname, "../.."), CLI_ENTRY)).code);
      await createNamespaces(names);
      const lines: string[] = [];
      const play = [process.execPath, bundle, "world-outside", folder, OUTSIDE_DEVICE];
      program = await startProgram("nsenter", [`--net=/run/netns/${names.outsideNamespace}`, ...play], {
        onLine: (line) => lines.push(line),
      });
      while (!lines.some((line) => line.includes("READY")) && program.isRunning()) await sleep(20);
      const send = "printf n0123456789abcdef >/dev/udp/203.0.113.80/7000";
      await exec("nsenter", [`--net=/run/netns/${names.hostNamespace}`, "bash", "-c", send]);
      const path = join(folder, "events.ndjson");
      const seen = async () => (await readEvents(path)).map(({ receiver }) => receiver);
      await expect.poll(seen, { timeout: 20_000 }).toEqual(expect.arrayContaining(["echo", "packet"]));
    } finally {
      await program?.kill();
      for (const name of Object.values(names)) await deleteNamespace(name);
      await rm(folder, { recursive: true });
    }
  });
});

describe("nothing is left", () => {
  test("of a world that was destroyed while a container in it ignored TERM", async () => {
    const short = await createWorld({ engine: true });
    await importBusybox(short);
    await docker(short, "run", "--detach", IMAGE, "/usr/bin/busybox", "sleep", "1000");
    const traces = await tracesOf(short.id);
    const there = await leftoversOf(traces);
    expect(there.namespaces.length).toBe(2);
    expect(there.processes.length).toBeGreaterThan(4);
    expect(there.mounts.length).toBeGreaterThan(0);
    expect(there.controlGroups.length).toBeGreaterThan(0);
    await short.destroy();
    expect(await leftoversOf(traces)).toEqual(NOTHING);
  });

  test("of a world whose owner was killed, once somebody sweeps; a living one is not touched", async () => {
    const { program, id } = await startOwner();
    const traces = await tracesOf(id);
    expect(await sweep(), "while its owner lives").not.toContain(id);
    await program.kill();
    const there = await leftoversOf(traces);
    expect(there.namespaces.length).toBe(2);
    expect(there.processes.length).toBeGreaterThan(4);
    expect(await sweep()).toContain(id);
    expect(await leftoversOf(traces)).toEqual(NOTHING);
    expect(await seesNonce(world, await sendFrom(world))).toBe(true);
  });

  test("of a world whose owner was killed, once another one is made", async () => {
    const { program, id } = await startOwner();
    const traces = await tracesOf(id);
    await program.kill();
    const next = await createWorld({ engine: false });
    await next.destroy();
    expect(await leftoversOf(traces)).toEqual(NOTHING);
  });

  // By its own record: whatever else is kept on this machine is somebody's who wants to look around.
  test("of a kept world only once it is asked for", async () => {
    const { program, id } = await startOwner("keep");
    const traces = await tracesOf(id);
    await program.kill();
    expect(await sweep()).not.toContain(id);
    expect((await leftoversOf(traces)).namespaces.length).toBe(2);
    const record = (await readRecords()).find((one) => one.id === id);
    expect(record?.kept).toBe(true);
    if (record !== undefined) await removeWorld(record);
    expect(await leftoversOf(traces)).toEqual(NOTHING);
  });

  test("and a process that only got a recorded one's id is not ended", async () => {
    const bystander = await startProgram("sleep", ["1000"]);
    const id = `${process.pid}-bystander`;
    await writeRecord({
      id,
      owner: "999999999-1",
      hostNamespace: `cloister-${id}-host`,
      outsideNamespace: `cloister-${id}-outside`,
      controlGroup: `cloister-world-${id}`,
      kept: false,
      children: [`${bystander.pid}-1`],
    });
    expect(await sweep()).toContain(id);
    expect(bystander.isRunning()).toBe(true);
    await bystander.kill();
    expect((await readRecords()).map((record) => record.id)).not.toContain(id);
  });
});

test("who is not root is told so, and what to install, as a preflight fault", async () => {
  const script = join(import.meta.dirname, "unprivileged-child.ts");
  const as = ["--reuid", "65534", "--regid", "65534", "--clear-groups", process.execPath, script];
  const fault: unknown = JSON.parse((await exec("setpriv", as)).stdout);
  expect(fault).toMatchObject({ code: "WORLD_NOT_POSSIBLE", exitCode: 5 });
  expect(fault).toMatchObject({ message: expect.stringContaining("not run as root") });
  expect(fault).toMatchObject({ hint: expect.stringContaining("apt-get install") });
});

async function startOwner(...args: readonly string[]) {
  const script = join(import.meta.dirname, "owner-child.ts");
  const lines: string[] = [];
  const program = await startProgram(process.execPath, [script, ...args], {
    onLine: (line) => lines.push(line),
  });
  while (!lines.some((line) => /^\d+-\d+$/.test(line)) && program.isRunning()) await sleep(20);
  const id = lines.find((line) => /^\d+-\d+$/.test(line));
  if (id === undefined) throw new Error(`No world came: ${lines.join(" / ")}`);
  return { program, id };
}
