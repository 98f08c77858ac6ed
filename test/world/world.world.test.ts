import { readdir, readFile } from "node:fs/promises";
import { createSocket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { connectEngine } from "../../src/shared/engine/engine.ts";
import type { OutsideEvent } from "../../src/world/event.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { helloPayload, protectInitial } from "./outside/initial-packet.ts";

const NODE = process.execPath;
const QUIET = ["ff02:"];

let world: World;

beforeAll(async () => {
  world = await createWorld({ engine: true });
  await importBusybox(world);
});

afterAll(async () => {
  await world.destroy();
  expect(await leftovers()).not.toContain(world.id);
});

/** An image of one static program, from Debian's busybox-static. */
async function importBusybox({ engineAddress, folder }: World): Promise<void> {
  const tar = `${folder}/busybox.tar`;
  await exec("tar", ["--transform", "s,.*,bin/busybox,", "-cf", tar, "-C", "/bin", "busybox"]);
  await exec("/usr/bin/docker", [
    "-H",
    engineAddress,
    "import",
    "-c",
    'ENTRYPOINT ["/bin/busybox"]',
    tar,
    "localhost/busybox:1",
  ]);
}

/** In a container of the world; its exit code does not matter, what the outside saw does. */
async function inContainer(network: string, ...command: readonly string[]): Promise<string> {
  const args = ["run", "--rm", "--pull", "never", "--network", network, "localhost/busybox:1", ...command];
  const result = await execa("/usr/bin/docker", ["-H", world.engineAddress, ...args], {
    reject: false,
    timeout: 60_000,
    stdin: "ignore",
  });
  return result.stdout;
}

/** A program of node's in the host's network, for what busybox has no tool for. */
async function onHost(script: string): Promise<void> {
  await world.exec(NODE, ["--input-type=module", "-e", script]);
}

/** Waits until the outside has written down what the test looks for. */
async function seen(matches: (event: OutsideEvent) => boolean): Promise<readonly OutsideEvent[]> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = (await world.events()).filter(matches);
    if (found.length > 0) return found;
    await sleep(50);
  }
  return [];
}

let serial = 0;
function nonce(): string {
  serial += 1;
  return serial.toString(16).padStart(16, "e");
}

describe("the outside writes down", () => {
  test("HTTP out of a container on an open network, with path and Host", async () => {
    const id = nonce();
    expect(await inContainer("bridge", "wget", "-qO-", `http://203.0.113.80/${id}`)).toBe("outside");
    const [event] = await seen(({ receiver, nonces }) => receiver === "http" && nonces.includes(id));
    expect(event).toMatchObject({ to: "203.0.113.80", port: 80, name: "203.0.113.80" });
    expect(await seen(({ receiver, nonces }) => receiver === "packet" && nonces.includes(id))).not.toEqual(
      [],
    );
  });

  test("a name asked for by a container, through the engine's resolver", async () => {
    const id = nonce();
    await inContainer("bridge", "nslookup", `n${id}.example`);
    const [event] = await seen(({ receiver, nonces }) => receiver === "dns" && nonces.includes(id));
    expect(event).toMatchObject({ name: `n${id}.example`, port: 53 });
  });

  test("a name asked for over TCP", async () => {
    const id = nonce();
    await onHost(`import { connect } from "node:net";
      const query = Buffer.concat([Buffer.from("abcd01000001000000000000", "hex"), Buffer.of(16), Buffer.from("${id}"), Buffer.of(0, 0, 1, 0, 1)]);
      const socket = connect(53, "203.0.113.53", () => socket.write(Buffer.concat([Buffer.of(0, query.length), query])));
      socket.on("data", () => socket.end());`);
    expect(
      await seen(({ receiver, protocol, name }) => receiver === "dns" && protocol === "tcp" && name === id),
    ).not.toEqual([]);
  });

  test("HTTPS with its SNI, also where the client then breaks off", async () => {
    const id = nonce();
    await onHost(`import { connect } from "node:tls";
      const socket = connect({ host: "203.0.113.80", port: 443, servername: "n${id}.example" });
      socket.on("error", () => process.exit(0));`);
    const [event] = await seen(({ receiver, nonces }) => receiver === "tls" && nonces.includes(id));
    expect(event).toMatchObject({ name: `n${id}.example`, to: "203.0.113.80", port: 443 });
  });

  test("the SNI in a QUIC Initial packet", async () => {
    const id = nonce();
    const packet = protectInitial({
      destinationId: Buffer.alloc(8, 5),
      number: 1,
      payload: helloPayload(`n${id}.example`),
    });
    await onHost(`import { createSocket } from "node:dgram";
      const socket = createSocket("udp4");
      socket.send(Buffer.from("${packet.toString("hex")}", "hex"), 443, "203.0.113.80", () => socket.close());`);
    expect(await seen(({ receiver, nonces }) => receiver === "quic" && nonces.includes(id))).not.toEqual([]);
  });

  test("UDP to a port where nobody listens, over IPv4 and IPv6", async () => {
    for (const [family, to] of [
      ["udp4", "198.51.100.80"],
      ["udp6", "2001:db8:0:2::80"],
    ]) {
      const id = nonce();
      await onHost(`import { createSocket } from "node:dgram";
        const socket = createSocket("${family}");
        socket.send("${id}", 4242, "${to}", () => socket.close());`);
      const [event] = await seen(({ receiver, nonces }) => receiver === "packet" && nonces.includes(id));
      expect(event).toMatchObject({ protocol: "udp", port: 4242 });
    }
  });

  test("ICMP, and what it carries", async () => {
    await inContainer("bridge", "ping", "-c", "1", "-p", "ab", "203.0.113.80");
    expect(await seen(({ protocol, to }) => protocol === "icmp" && to === "203.0.113.80")).not.toEqual([]);
  });

  test("a protocol that has no name here", async () => {
    await onHostRaw(253);
    expect(await seen(({ protocol, to }) => protocol === "253" && to === "203.0.113.80")).not.toEqual([]);
  });

  test("a packet to the metadata address of clouds", async () => {
    await inContainer("bridge", "wget", "-qO-", "http://169.254.169.254/latest");
    expect(await seen(({ receiver, to }) => receiver === "http" && to === "169.254.169.254")).not.toEqual([]);
  });
});

/** Raw sockets are nothing that Node.js has; Python is on every Debian that has pip. */
async function onHostRaw(protocol: number): Promise<void> {
  const script = `import socket; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, ${protocol}); s.sendto(b"raw", ("203.0.113.80", 0))`;
  await world.exec("python3", ["-c", script]);
}

test("from an internal network nothing gets out, beside a twin on an open one that does", async () => {
  const engine = await connectEngine(world.engineAddress);
  for (const [name, internal] of [
    ["test-internal", true],
    ["test-open", false],
  ] as const)
    await engine.createNetwork({ name, internal, labels: {} });
  const before = (await world.events()).length;
  const [sealed, open] = [nonce(), nonce()];
  const attempt = async (network: string, id: string): Promise<void> => {
    await inContainer(network, "ping", "-c", "1", "-W", "1", "203.0.113.80");
    await inContainer(network, "nslookup", `n${id}.example`, "203.0.113.53");
  };
  await attempt("test-internal", sealed);
  const during = (await world.events())
    .slice(before)
    .filter(({ to }) => !QUIET.some((prefix) => to.startsWith(prefix)));
  await attempt("test-open", open);
  expect(await seen(({ receiver, nonces }) => receiver === "dns" && nonces.includes(open))).not.toEqual([]);
  expect(await seen(({ protocol }) => protocol === "icmp")).not.toEqual([]);
  expect(during).toEqual([]);
  for (const name of ["test-internal", "test-open"]) await engine.removeNetwork(name);
});

test("no packet of the world touches a real interface", async () => {
  const { stdout } = await exec("ip", ["-j", "link", "show", "up"]);
  const links: readonly { readonly ifname: string }[] = JSON.parse(stdout);
  const documentation =
    "net 203.0.113.0/24 or net 198.51.100.0/24 or net 192.0.2.0/24 or net 198.18.0.0/15 or ip6 net 2001:db8::/32";
  const watch = execa("timeout", ["4", "tcpdump", "--immediate-mode", "-i", "any", "-n", documentation], {
    reject: false,
  });
  await sleep(1_000);
  // The watcher's own control: something that it must see, on the loopback of this machine.
  const socket = createSocket("udp4");
  const sent = new Promise((resolve) => socket.send("control", 9, "127.0.0.1", resolve));
  await Promise.all([sent, inContainer("bridge", "wget", "-qO-", "http://203.0.113.80/")]);
  socket.close();
  const { stdout: packets, stderr } = await watch;
  expect(links.length).toBeGreaterThan(0);
  expect(stderr).toContain("listening on any");
  expect(packets).toBe("");
});

test("two worlds at once know nothing of one another", async () => {
  const other = await createWorld({ engine: false });
  try {
    const id = nonce();
    await other.exec(NODE, ["-e", `fetch("http://203.0.113.80/${id}").then((answer) => answer.text())`]);
    expect((await other.events()).some(({ nonces }) => nonces.includes(id))).toBe(true);
    expect((await world.events()).some(({ nonces }) => nonces.includes(id))).toBe(false);
  } finally {
    await other.destroy();
  }
});

test("an engine that was killed starts again with what it had", async () => {
  await world.killEngine();
  await expect(connectEngine(world.engineAddress).then((engine) => engine.info())).rejects.toMatchObject({
    code: "ENGINE_ABSENT",
  });
  await world.startEngine();
  const engine = await connectEngine(world.engineAddress);
  expect(await engine.imagesNamed("localhost/busybox")).toEqual(["localhost/busybox:1"]);
});

test("what an owner that was killed left is taken away before the next world begins", async () => {
  const script = `import { createWorld } from "${import.meta.dirname}/../../src/world/world.ts";
    const world = await createWorld({ engine: true });
    process.stdout.write(world.id + "\\n");
    setInterval(() => {}, 1000);`;
  const owner = execa(NODE, ["--input-type=module", "-e", script], { reject: false });
  const id = await new Promise<string>((resolve) =>
    owner.stdout.once("data", (data: Buffer) => resolve(String(data).trim())),
  );
  owner.kill("SIGKILL");
  await owner;
  expect(await leftovers()).toContain(id);
  const next = await createWorld({ engine: false });
  await next.destroy();
  expect(await leftovers()).not.toContain(id);
  expect(await leftovers()).toContain(world.id);
});

/** Ids of worlds of which a namespace, a folder, a mount or a control group is still there. */
async function leftovers(): Promise<readonly string[]> {
  const netns = await readdir("/run/netns").catch(() => []);
  const folders = await readdir("/run/cloister-world").catch(() => []);
  const mounts = [...(await readFile("/proc/mounts", "utf8")).matchAll(/cloister-world\/(\d+-\d+)/g)].map(
    ([, id = ""]) => id,
  );
  const groups = (await readdir("/sys/fs/cgroup/memory").catch(() => readdir("/sys/fs/cgroup"))).flatMap(
    (name) => /^cloister-world-(.+)$/.exec(name)?.[1] ?? [],
  );
  const named = netns.flatMap((name) => /^cloister-(\d+-\d+)-(?:host|outside)$/.exec(name)?.[1] ?? []);
  return [...new Set([...named, ...folders, ...mounts, ...groups])].sort();
}
