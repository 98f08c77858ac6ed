/** Pure readers of the text that the kernel shows under /proc. */

export type ProcessStatus = {
  readonly pid: number;
  /** Real, effective, saved and file system id. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  /** Inheritable, permitted, effective, bounding and ambient capabilities in the kernel's own hex. */
  readonly capabilities: Readonly<Record<(typeof CAPABILITY_SETS)[number], string>>;
  readonly noNewPrivileges: string;
  readonly seccomp: string;
};

const CAPABILITY_SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] as const;

/** undefined where a field is missing: another kernel, or no status file at all. */
export function parseStatus(text: string): ProcessStatus | undefined {
  const fields = new Map(
    text.split("\n").map((line) => {
      const cut = line.indexOf(":");
      return [line.slice(0, cut), line.slice(cut + 1).trim()] as const;
    }),
  );
  const numbers = (name: string) =>
    (fields.get(name) ?? "").split(/\s+/).flatMap((word) => (/^\d+$/.test(word) ? [Number(word)] : []));
  const [CapInh, CapPrm, CapEff, CapBnd, CapAmb] = CAPABILITY_SETS.map((name) => fields.get(name));
  const [pid] = numbers("Pid");
  const noNewPrivileges = fields.get("NoNewPrivs");
  const seccomp = fields.get("Seccomp");
  if (pid === undefined || noNewPrivileges === undefined || seccomp === undefined) return undefined;
  if (!CapInh || !CapPrm || !CapEff || !CapBnd || !CapAmb) return undefined;
  return {
    pid,
    uids: numbers("Uid"),
    gids: numbers("Gid"),
    groups: numbers("Groups"),
    capabilities: { CapInh, CapPrm, CapEff, CapBnd, CapAmb },
    noNewPrivileges,
    seccomp,
  };
}

export type Mount = {
  readonly path: string;
  readonly type: string;
  /** Both the mount and its file system have to allow it. */
  readonly writable: boolean;
};

/** proc(5), mountinfo: the optional fields end with a lone "-"; blanks in paths are written \040. */
export function parseMountinfo(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    const words = line.split(" ");
    const dash = words.indexOf("-");
    const [path, options, type, superOptions] = [words[4], words[5], words[dash + 1], words[dash + 3]];
    if (dash === -1 || !path || !options || !type || superOptions === undefined) return [];
    const writable = !options.split(",").includes("ro") && !superOptions.split(",").includes("ro");
    return [{ path: path.replaceAll(/\\(\d{3})/g, unescapeOctal), type, writable }];
  });
}

function unescapeOctal(_: string, octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}

export type Route = { readonly interface: string; readonly destination: string };

/** /proc/net/route: one header line, then interface and destination in hex of the machine's byte order. */
export function parseRoutes4(text: string): readonly Route[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [name, destination, , , , , , mask] = line.trim().split(/\s+/);
      if (!name || !destination || !mask) return [];
      return [
        { interface: name, destination: destination === "00000000" ? "default" : dotted(destination, mask) },
      ];
    });
}

function dotted(destination: string, mask: string): string {
  const ones = littleEndian(mask).map((byte) => byte.toString(2).replaceAll("0", "").length);
  return `${littleEndian(destination).join(".")}/${ones.reduce((sum, count) => sum + count, 0)}`;
}

function littleEndian(hex: string): readonly number[] {
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

/** /proc/net/ipv6_route: destination, its length in hex, …, interface last; absent without IPv6. */
export function parseRoutes6(text: string): readonly Route[] {
  return text.split("\n").flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const [destination, length] = words;
    const name = words[9];
    if (!destination || !length || !name) return [];
    const isDefault = Number.parseInt(length, 16) === 0 && /^0+$/.test(destination);
    const groups = destination.match(/.{4}/g) ?? [];
    return [
      {
        interface: name,
        destination: isDefault ? "default" : `${groups.join(":")}/${Number.parseInt(length, 16)}`,
      },
    ];
  });
}

/** /proc/net/dev: two header lines, then "name: counters". */
export function parseInterfaces(text: string): readonly string[] {
  return text
    .split("\n")
    .slice(2)
    .flatMap((line) => /^\s*([^\s:]+):/.exec(line)?.[1] ?? []);
}

/** resolv.conf(5): "nameserver ADDRESS", comments after # or ;. */
export function parseNameservers(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}
