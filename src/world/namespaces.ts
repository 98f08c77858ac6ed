/** Two network namespaces and the one wire between them. No interface of this machine is part of it. */
import { exec } from "../shared/exec.ts";
import {
  BEHIND_HOST_V4,
  BEHIND_HOST_V6,
  HOST_UPLINK,
  OUTSIDE_UPLINK,
  OUTSIDE_V4,
  OUTSIDE_V6,
} from "./addresses.ts";

const HOST_DEVICE = "up0";
export const OUTSIDE_DEVICE = "in0";

type Names = { readonly hostNamespace: string; readonly outsideNamespace: string };

export async function createNamespaces({
  hostNamespace: host,
  outsideNamespace: outside,
}: Names): Promise<void> {
  await ip("netns", "add", host);
  await ip("netns", "add", outside);
  for (const name of [host, outside]) await ip("-n", name, "link", "set", "lo", "up");
  const peer = ["peer", "name", OUTSIDE_DEVICE, "netns", outside];
  await ip("-n", host, "link", "add", HOST_DEVICE, "type", "veth", ...peer);
  await address(host, `${HOST_UPLINK.v4}/24`, HOST_DEVICE);
  await address(host, `${HOST_UPLINK.v6}/64`, HOST_DEVICE);
  await address(outside, `${OUTSIDE_UPLINK.v4}/24`, OUTSIDE_DEVICE);
  await address(outside, `${OUTSIDE_UPLINK.v6}/64`, OUTSIDE_DEVICE);
  for (const one of OUTSIDE_V4) await address(outside, `${one}/32`, "lo");
  for (const one of OUTSIDE_V6) await address(outside, `${one}/128`, "lo");
  await ip("-n", host, "link", "set", HOST_DEVICE, "up");
  await ip("-n", outside, "link", "set", OUTSIDE_DEVICE, "up");
  await ip("-n", host, "route", "add", "default", "via", OUTSIDE_UPLINK.v4);
  await ip("-n", host, "-6", "route", "add", "default", "via", OUTSIDE_UPLINK.v6);
  // What leaks without address translation is answered too, else it would look as if it had not got through.
  for (const range of BEHIND_HOST_V4) await ip("-n", outside, "route", "add", range, "via", HOST_UPLINK.v4);
  await ip("-n", outside, "-6", "route", "add", BEHIND_HOST_V6, "via", HOST_UPLINK.v6);
  await assertClosed(host, HOST_DEVICE);
  await assertClosed(outside, OUTSIDE_DEVICE);
}

/** Processes that still live in it keep it alive without its name; they are ended before. */
export async function deleteNamespace(name: string): Promise<void> {
  if (!(await isNamespace(name))) return;
  try {
    await ip("netns", "delete", name);
  } catch (error) {
    // Somebody else who takes the same world away may have been faster.
    if (await isNamespace(name)) throw error;
  }
}

async function isNamespace(name: string): Promise<boolean> {
  const { stdout } = await exec("ip", ["netns", "list"]);
  return stdout.split("\n").some((line) => line.split(" ")[0] === name);
}

/** Kernels put idle tunnel devices into every new namespace; one that is up would lead somewhere. */
async function assertClosed(name: string, device: string): Promise<void> {
  const { stdout } = await exec("ip", ["-n", name, "-j", "link", "show", "up"]);
  const links: readonly { readonly ifname: string }[] = JSON.parse(stdout);
  const foreign = links.map(({ ifname }) => ifname).filter((one) => one !== "lo" && one !== device);
  if (foreign.length > 0)
    throw new Error(`The namespace ${name} has a way out that nobody made: ${foreign.join(", ")}`);
}

async function address(namespace: string, value: string, device: string): Promise<void> {
  const noDetection = value.includes(":") ? ["nodad"] : [];
  await ip("-n", namespace, "address", "add", value, "dev", device, ...noDetection);
}

async function ip(...args: readonly string[]): Promise<void> {
  await exec("ip", args);
}
