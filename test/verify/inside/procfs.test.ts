import { describe, expect, test } from "vitest";
import {
  parseInterfaces,
  parseMountinfo,
  parseNameservers,
  parseRoutes4,
  parseRoutes6,
  parseStatus,
} from "../../../src/verify/inside/procfs.ts";

const STATUS = `Name:\tllama-server
Pid:\t7
Uid:\t10001\t10001\t10001\t10001
Gid:\t10001\t10001\t10001\t10001
Groups:\t
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t00000000a80425fb
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
`;

describe("parseStatus", () => {
  test("reads ids, capability sets and both flags", () => {
    expect(parseStatus(STATUS)).toMatchObject({
      pid: 7,
      uids: [10_001, 10_001, 10_001, 10_001],
      groups: [],
      capabilities: { CapEff: "0000000000000000", CapBnd: "00000000a80425fb" },
      noNewPrivileges: "1",
      seccomp: "2",
    });
  });

  test.each([
    "",
    "Pid:\t7\n",
    ...["Pid", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"].map((name) => without(name)),
  ])("is undefined where a field is missing, never an empty set: %#", (text) => {
    expect(parseStatus(text)).toBeUndefined();
  });
});

function without(name: string): string {
  return STATUS.split("\n")
    .filter((line) => !line.startsWith(`${name}:`))
    .join("\n");
}

describe("parseMountinfo", () => {
  test("tells what is writable by mount and by file system, with optional fields and blanks in paths", () => {
    const text = [
      "22 21 0:30 / / ro,relatime master:1 shared:2 - overlay overlay rw,lowerdir=/x",
      "23 22 0:31 / /tmp rw,nosuid - tmpfs tmpfs rw,size=1k",
      "24 22 8:1 /a\\040b /models/model.gguf rw - ext4 /dev/sda1 ro",
      "garbage",
      "",
    ].join("\n");
    expect(parseMountinfo(text)).toEqual([
      { path: "/", type: "overlay", writable: false },
      { path: "/tmp", type: "tmpfs", writable: true },
      { path: "/models/model.gguf", type: "ext4", writable: false },
    ]);
    expect(parseMountinfo("1 2 0:3 / /with\\040blank rw - tmpfs t rw")[0]?.path).toBe("/with blank");
  });
});

describe("the network's files", () => {
  test("IPv4 routes: default and a subnet in the machine's byte order", () => {
    const text = [
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
      "eth0\t00000000\t010212C6\t0003\t0\t0\t0\t00000000\t0\t0\t0",
      "eth0\t000212C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
      "",
    ].join("\n");
    expect(parseRoutes4(text)).toEqual([
      { interface: "eth0", destination: "default" },
      { interface: "eth0", destination: "198.18.2.0/24" },
    ]);
  });

  test("IPv6 routes, and none where the file is empty", () => {
    const zeros = "0".repeat(32);
    const text = `${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo\nfe80${"0".repeat(28)} 40 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001     eth0\n`;
    expect(parseRoutes6(text)).toEqual([
      { interface: "lo", destination: "default" },
      { interface: "eth0", destination: "fe80:0000:0000:0000:0000:0000:0000:0000/64" },
    ]);
    expect(parseRoutes6("")).toEqual([]);
  });

  test("interfaces, also where the counter touches the colon", () => {
    expect(parseInterfaces("Inter-|\n face |\n    lo: 0 0\n  eth0:12345 0\n")).toEqual(["lo", "eth0"]);
  });

  test("name servers, not comments that an engine writes", () => {
    const text =
      "# ExtServers: [host(127.0.0.53)]\n; nameserver 9.9.9.9\nnameserver 127.0.0.11\noptions ndots:0\n";
    expect(parseNameservers(text)).toEqual(["127.0.0.11"]);
  });
});
