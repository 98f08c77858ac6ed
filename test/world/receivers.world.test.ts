/** What the outside sees of a container on an open network, and that it sees nothing of one on an internal network. */
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutsideEvent } from "../../src/world/event.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { docker, importBusybox, runNode } from "./containers.ts";
import { initialPacketFor } from "./outside/initial-packet.ts";
import { watchRealInterfaces, type RealInterfaces, type RealTraffic } from "./real-interfaces.ts";

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

let world: World;
let real: RealInterfaces;
let sealed: Probed;
let afterSealed: readonly OutsideEvent[];
let open: Probed;
let events: readonly OutsideEvent[];
let onReal: RealTraffic;

beforeAll(async () => {
  real = await watchRealInterfaces();
  world = await createWorld({ engine: true });
  await importBusybox(world);
  await docker(world, "network", "create", "--internal", "sealed");
  await docker(world, "network", "create", "--ipv6", "--subnet", "2001:db8:0:100::/64", "open");
  sealed = await probe("sealed");
  afterSealed = await world.events();
  open = await probe("open");
  events = await world.events();
  onReal = await real.end();
});
afterAll(async () => {
  await world.destroy();
  await real.close();
});

async function probe(network: string): Promise<Probed> {
  const entries = KINDS.map((kind) => [kind, randomBytes(8).toString("hex")] as const);
  const nonces = Object.fromEntries(entries) as Nonces;
  const packet = initialPacketFor(`n${nonces.quic}.example`).toString("base64");
  const script = join(import.meta.dirname, "probe-child.ts");
  const argument = JSON.stringify([nonces, packet]);
  return { nonces, answers: JSON.parse(await runNode(world, { network, script, argument })) };
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

describe("this machine's own interfaces", () => {
  test("carried no nonce of the world, where the watch's own was found", () => {
    const given = [...Object.values(open.nonces), ...Object.values(sealed.nonces), onReal.control];
    expect(onReal.nonces(given)).toEqual([onReal.control]);
  });

  test("carried no packet into the world's ranges from an address of nobody here, but the watch's own", () => {
    expect(onReal.strangers).not.toEqual([]);
    expect(onReal.strangers.filter((line) => !line.includes("127.0.0.53."))).toEqual([]);
  });

  test("were watched without a loss", () => {
    expect(onReal.droppedByKernel).toBe(0);
  });
});
