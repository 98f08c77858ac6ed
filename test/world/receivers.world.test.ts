/** What the outside sees of a container on an open network, and that it sees nothing of one on an internal network. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { startProgram, type RunningProgram } from "../../src/shared/program.ts";
import type { OutsideEvent } from "../../src/world/event.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { docker, importBusybox, runNode } from "./containers.ts";
import { initialPacketFor } from "./initial-packet.ts";

const KINDS = [
  "http",
  "http6",
  "metadata",
  "tls",
  "https",
  "dns-tcp",
  "dns-udp",
  "resolver",
  "tcp",
  "udp",
  "unlistened",
  "quic",
  "icmp",
  "protocol",
] as const;
type Kind = (typeof KINDS)[number];
type Nonces = Readonly<Record<Kind, string>>;
type Probed = { readonly nonces: Nonces; readonly answers: Readonly<Record<string, string>> };

const MARKER_PORT = 39_253;

let world: World;
let uplink: { readonly program: RunningProgram; readonly lines: string[] };
let sealed: Probed;
let afterSealed: readonly OutsideEvent[];
let open: Probed;
let events: readonly OutsideEvent[];
let onUplink: readonly string[];

beforeAll(async () => {
  uplink = await watchRealInterfaces();
  world = await createWorld({ engine: true });
  await importBusybox(world);
  await docker(world, "network", "create", "--internal", "sealed");
  await docker(world, "network", "create", "--ipv6", "--subnet", "2001:db8:0:100::/64", "open");
  sealed = await probe("sealed");
  afterSealed = await world.events();
  open = await probe("open");
  events = await world.events();
  onUplink = await endWatch();
});
afterAll(async () => {
  await world.destroy();
  await uplink.program.kill();
});

async function probe(network: string): Promise<Probed> {
  const entries = KINDS.map((kind) => [kind, randomBytes(8).toString("hex")] as const);
  const nonces = Object.fromEntries(entries) as Nonces;
  const packet = initialPacketFor(`n${nonces.quic}.example`).toString("base64");
  const script = join(import.meta.dirname, "probe-child.ts");
  const argument = JSON.stringify([nonces, packet]);
  return { nonces, answers: JSON.parse(await runNode(world, { network, script, argument })) };
}

/** Every interface of this machine, loopback too, on which the watch is shown to be alive. */
async function watchRealInterfaces() {
  const nets = "net 203.0.113.0/24 or net 198.51.100.0/24 or net 198.18.0.0/15 or net 2001:db8::/32";
  const filter = `${nets} or host 169.254.169.254 or udp dst port ${MARKER_PORT}`;
  const lines: string[] = [];
  const capture = ["--immediate-mode", "-l", "-n", "-i", "any", filter];
  const program = await startProgram("tcpdump", capture, { onLine: (line) => lines.push(line) });
  while (!lines.some((line) => line.includes("listening on")) && program.isRunning()) await sleep(20);
  lines.length = 0;
  return { program, lines };
}

/** Packets, a line each, up to the first one that was sent over loopback to show that there was something to see with. */
async function endWatch(): Promise<readonly string[]> {
  const script = `printf marker >/dev/udp/127.0.0.1/${MARKER_PORT}`;
  await exec("bash", ["-c", script], { accept: [1] });
  const isMarker = (line: string): boolean => line.includes(`127.0.0.1.${MARKER_PORT}`);
  while (!uplink.lines.some(isMarker) && uplink.program.isRunning()) await sleep(20);
  const packets = uplink.lines.filter((line) => / > .*:/.test(line));
  return packets.slice(0, packets.findIndex(isMarker) + 1);
}

function seen(nonce: string): readonly Partial<OutsideEvent>[] {
  return events
    .filter(({ nonces }) => nonces.includes(nonce))
    .map(({ receiver, protocol, port }) => ({ receiver, protocol, port }));
}

describe("a container on an open network", () => {
  test.each([
    ["http", { receiver: "http", protocol: "tcp", port: 80 }],
    ["http6", { receiver: "http", protocol: "tcp", port: 80 }],
    ["metadata", { receiver: "http", protocol: "tcp", port: 80 }],
    ["tls", { receiver: "tls", protocol: "tcp", port: 443 }],
    ["https", { receiver: "https", protocol: "tcp", port: 443 }],
    ["dns-tcp", { receiver: "dns", protocol: "tcp", port: 53 }],
    ["dns-udp", { receiver: "dns", protocol: "udp", port: 53 }],
    ["resolver", { receiver: "dns", protocol: "udp", port: 53 }],
    ["tcp", { receiver: "echo", protocol: "tcp", port: 7_000 }],
    ["udp", { receiver: "echo", protocol: "udp", port: 7_000 }],
    ["quic", { receiver: "quic", protocol: "udp", port: 443 }],
    ["unlistened", { receiver: "packet", protocol: "udp", port: 9 }],
    ["icmp", { receiver: "packet", protocol: "icmp", port: 0 }],
    ["protocol", { receiver: "packet", protocol: "253", port: 0 }],
  ] as const)("%s: its nonce is in the outside's events", (kind, expected) => {
    expect(seen(open.nonces[kind]), open.answers[kind]).toContainEqual(expected);
  });

  test.each(["http", "http6", "metadata", "tls", "dns-tcp", "tcp", "udp"] as const)(
    "%s: the outside answered",
    (kind) => {
      expect(open.answers[kind]).not.toMatch(/failed|none/);
    },
  );

  test("a name resolves to the outside's own address", () => {
    expect(open.answers["resolver"]).toBe("203.0.113.80");
  });

  test.each([
    ["tls", "tls"],
    ["quic", "quic"],
    ["http", "http"],
    ["resolver", "dns"],
  ] as const)("%s: the name that it asked for is there by name", (kind, receiver) => {
    const names = events.filter((event) => event.receiver === receiver).map(({ name }) => name);
    expect(names).toContain(`n${open.nonces[kind]}.example`);
  });

  test("what is plain on the wire is seen by the packet receiver too", () => {
    for (const kind of ["http", "http6", "metadata", "tls", "dns-tcp", "dns-udp", "tcp", "udp"] as const)
      expect(
        seen(open.nonces[kind]).some(({ receiver }) => receiver === "packet"),
        kind,
      ).toBe(true);
  });

  test("what is encrypted is not", () => {
    for (const kind of ["https", "quic"] as const)
      expect(
        seen(open.nonces[kind]).some(({ receiver }) => receiver === "packet"),
        kind,
      ).toBe(false);
  });
});

describe("the same container on an internal network", () => {
  test.each(KINDS)("%s: its nonce is in no event", (kind) => {
    expect(seen(sealed.nonces[kind]), sealed.answers[kind]).toEqual([]);
  });

  test("no packet at all came from it", () => {
    expect(afterSealed.filter(({ to }) => !to.startsWith("ff02:"))).toEqual([]);
  });

  test("it did try each of them", () => {
    expect(Object.keys(sealed.answers).sort()).toEqual(Object.keys(open.answers).sort());
  });
});

test("no packet to or from the world was on an interface of this machine; the watch's own marker was", () => {
  expect(onUplink).toEqual([expect.stringContaining(`127.0.0.1.${MARKER_PORT}`)]);
});
