import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { isErrno } from "../../shared/errors.ts";
import { fail, inconclusive, judgeFaults, summarize, type Check, type Question } from "../check.ts";
import type { InsidePlan } from "./plan.ts";
import { parseInterfaces, parseRoutes4, parseRoutes6, type Route } from "./procfs.ts";

const QUESTION: Question = {
  id: "routes",
  title: "No interface and no route but the internal network's",
  where: "inside",
  expected:
    "lo and at most the one interface that carries the planned address; every route over one of the two",
};

export type NetworkView = {
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly Route[];
};

type NetworkInterface = {
  readonly name: string;
  readonly up: boolean;
  readonly addresses: readonly string[];
};

export async function checkRoutes(plan: InsidePlan): Promise<Check> {
  return judgeRoutes(plan.address, await readNetwork());
}

export function judgeRoutes(address: string | undefined, view: NetworkView): Check {
  const { interfaces, routes } = view;
  if (!interfaces.some(({ name }) => name === "lo"))
    return inconclusive(QUESTION, {
      observed: "no lo seen",
      reason: "Every network namespace has one: nothing was seen",
    });
  const own = interfaces.find(({ addresses }) => address !== undefined && addresses.includes(address));
  if (address !== undefined && own === undefined)
    return fail(QUESTION, {
      observed: describe(view),
      reason: `No interface carries the planned address ${address}`,
    });
  const allowed = ["lo", ...(own === undefined ? [] : [own.name])];
  const faults = [
    ...interfaces.flatMap(({ name, up }) =>
      allowed.includes(name) || !up ? [] : [`interface ${name} is up`],
    ),
    ...routes.flatMap((route) =>
      allowed.includes(route.interface) ? [] : [`route ${route.destination} over ${route.interface}`],
    ),
  ];
  const byDefault = routes.some((route) => route.destination === "default" && route.interface !== "lo");
  const reason = byDefault
    ? "Docker before 25 leaves a default route on an internal network and drops what takes it; all stay on its interface"
    : "There is no default route, and all routes stay on its interface";
  return judgeFaults(QUESTION, faults, { observed: describe(view), reason });
}

function describe({ interfaces, routes }: NetworkView): string {
  const named = interfaces.map(({ name, up, addresses }) =>
    [name, up ? "up" : "down", ...addresses].join(" "),
  );
  const led = routes
    .filter((route) => route.interface !== "lo")
    .map((route) => `${route.destination} over ${route.interface}`);
  return summarize([...named, ...(led.length === 0 ? ["no route"] : [...new Set(led)])]);
}

async function readNetwork(): Promise<NetworkView> {
  const names = parseInterfaces(await readFile("/proc/net/dev", "utf8"));
  const addresses = networkInterfaces();
  const interfaces = await Promise.all(
    names.map(async (name) => ({
      name,
      up: await isUp(name),
      addresses: (addresses[name] ?? []).map((entry) => entry.address),
    })),
  );
  const routes6 = await readIfThere("/proc/net/ipv6_route");
  return {
    interfaces,
    routes: [
      ...parseRoutes4(await readFile("/proc/net/route", "utf8")),
      ...parseRoutes6(routes6 ?? ""),
    ].filter(isLive),
  };
}

/** The kernel keeps a refusing IPv6 default route on lo in every namespace. */
function isLive(route: Route): boolean {
  return !(route.interface === "lo" && route.destination === "default");
}

/** An interface whose flags cannot be read counts as up. */
async function isUp(name: string): Promise<boolean> {
  const flags = await readIfThere(`/sys/class/net/${name}/flags`);
  return flags === undefined || (Number.parseInt(flags, 16) & 1) === 1;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
