import { describe, expect, test } from "vitest";
import { compareNames } from "../../../../src/builder/assemble/loader/compare-names.ts";
import { encodeCache } from "../../../../src/builder/assemble/loader/encode-cache.ts";
import { buildStringTable } from "../../../../src/builder/assemble/loader/string-table.ts";

describe("compareNames", () => {
  test.each([
    ["libz.so.1", "libz.so.1", 0],
    ["libz.so.9", "libz.so.10", -1],
    ["liba.so", "libb.so", -1],
    ["lib1.so", "liba.so", 1],
    ["lib-.so", "lib1.so", -1],
    ["libz.so", "libz.so.1", -1],
    ["libz.so.1", "libz.so", 1],
    ["libz.so.01", "libz.so.1", 0],
    ["lib2024010112.so", "lib2024010111.so", 1],
    // In a C int, 4294967297 is 1.
    ["lib4294967297.so", "lib1.so", 0],
    ["lib4294967297.so", "lib2.so", -1],
    ["libé.so", "liba.so", -1],
  ])("%s and %s", (a, b, expected) => {
    expect(Math.sign(compareNames(a, b))).toBe(expected);
    expect(Math.sign(compareNames(b, a))).toBe(expected === 0 ? 0 : -expected);
  });
});

describe("buildStringTable", () => {
  test("lets a string that ends another lie in its tail", () => {
    const table = buildStringTable(["liba.so.1", "/lib/liba.so.1", "b.so", "/lib/liba.so.1"]);
    expect(table.bytes.toString()).toBe("b.so\0/lib/liba.so.1\0");
    expect(table.offsetOf("/lib/liba.so.1")).toBe(5);
    expect(table.offsetOf("liba.so.1")).toBe(10);
    expect(() => table.offsetOf("libb.so")).toThrow("Not in the string table");
  });
});

test("encodeCache writes entries in falling order, hwcaps before plain ones, and its extension at a multiple of 4", () => {
  const bytes = encodeCache(
    [
      { soname: "liba.so.9", path: "/lib/liba.so.9" },
      { soname: "liba.so.10", path: "/lib/liba.so.10" },
      { soname: "liba.so.9", path: "/lib/glibc-hwcaps/v3/liba.so.9", hwcaps: { name: "v3", isaLevel: 2 } },
    ],
    "a test",
  );
  const string = (at: number) => bytes.toString("latin1", at, bytes.indexOf(0, at));
  const entries = [0, 1, 2].map((index) => {
    const at = 48 + index * 24;
    return {
      flags: bytes.readInt32LE(at),
      soname: string(bytes.readUInt32LE(at + 4)),
      path: string(bytes.readUInt32LE(at + 8)),
      hwcap: bytes.readBigUInt64LE(at + 16),
    };
  });
  expect(bytes.toString("latin1", 0, 20)).toBe("glibc-ld.so.cache1.1");
  expect(bytes.readUInt32LE(20)).toBe(3);
  expect(entries).toEqual([
    { flags: 0x303, soname: "liba.so.10", path: "/lib/liba.so.10", hwcap: 0n },
    {
      flags: 0x303,
      soname: "liba.so.9",
      path: "/lib/glibc-hwcaps/v3/liba.so.9",
      hwcap: (1n << 62n) | (2n << 32n),
    },
    { flags: 0x303, soname: "liba.so.9", path: "/lib/liba.so.9", hwcap: 0n },
  ]);
  const extension = bytes.readUInt32LE(32);
  expect(extension % 4).toBe(0);
  expect(bytes.readUInt32LE(extension)).toBe(0xeaa42174);
  expect(bytes.subarray(extension).includes("a test")).toBe(true);
});
