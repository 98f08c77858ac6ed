import { describe, expect, test } from "vitest";
import { readElf, type ReadRange } from "../../../../src/builder/assemble/elf/read-elf.ts";
import { makeElf } from "../small-elf.ts";

const FULL = {
  interpreter: "/lib64/ld-linux-x86-64.so.2",
  soname: "libsmall.so.1",
  needed: ["libc.so.6", "libm.so.6"],
  runpath: "$ORIGIN:/opt/lib",
  isa: 0b101,
};

function reader(bytes: Uint8Array): ReadRange {
  return async ({ offset, sizeBytes }) => bytes.subarray(offset, Math.min(offset + sizeBytes, bytes.length));
}

function patched(at: number, write: (bytes: Buffer, at: number) => void): Buffer {
  const bytes = makeElf(FULL);
  write(bytes, at);
  return bytes;
}

/** Where a program header begins: of the load, the dynamic section, the interpreter. */
function phdr(index: number): number {
  return 64 + index * 56;
}

describe("readElf", () => {
  test("reads what the loader reads", async () => {
    expect(await readElf(reader(makeElf(FULL)))).toEqual({
      machine: 62,
      type: 3,
      interpreter: "/lib64/ld-linux-x86-64.so.2",
      soname: "libsmall.so.1",
      needed: ["libc.so.6", "libm.so.6"],
      runPath: ["$ORIGIN", "/opt/lib"],
      isaLevel: 2,
      isDynamic: true,
    });
  });

  test("takes DT_RPATH only where there is no DT_RUNPATH", async () => {
    expect(await readElf(reader(makeElf({ rpath: "/a" })))).toMatchObject({ runPath: ["/a"] });
    expect(await readElf(reader(makeElf({ rpath: "/a", runpath: "/b" })))).toMatchObject({ runPath: ["/b"] });
  });

  test.each([
    ["empty", Buffer.alloc(0)],
    ["a script", Buffer.from("#!/bin/sh\n")],
    ["three bytes of the magic", Buffer.from("\u007fEL", "latin1")],
  ])("is undefined for a file that is %s", async (_, bytes) => {
    expect(await readElf(reader(bytes))).toBeUndefined();
  });
});

describe("a hostile ELF file is refused", () => {
  test.each<[string, Buffer]>([
    ["of 32 bits", patched(4, (bytes, at) => bytes.writeUInt8(1, at))],
    ["that is big-endian", patched(5, (bytes, at) => bytes.writeUInt8(2, at))],
    ["cut in its header", makeElf(FULL).subarray(0, 40)],
    ["with headers beyond its end", patched(32, (bytes, at) => bytes.writeBigUInt64LE(1n << 40n, at))],
    [
      "with headers beyond any file",
      patched(32, (bytes, at) => bytes.writeBigUInt64LE((1n << 64n) - 1n, at)),
    ],
    ["with headers of another size", patched(54, (bytes, at) => bytes.writeUInt16LE(32, at))],
    ["with too many headers", patched(56, (bytes, at) => bytes.writeUInt16LE(0xffff, at))],
    [
      "with a huge dynamic section",
      patched(phdr(1) + 32, (bytes, at) => bytes.writeBigUInt64LE(1n << 50n, at)),
    ],
    [
      "with a dynamic section outside",
      patched(phdr(1) + 8, (bytes, at) => bytes.writeBigUInt64LE(1n << 50n, at)),
    ],
    [
      "with an interpreter outside",
      patched(phdr(2) + 8, (bytes, at) => bytes.writeBigUInt64LE(1n << 50n, at)),
    ],
    [
      "with a string table in no segment",
      patched(phdr(0) + 16, (bytes, at) => bytes.writeBigUInt64LE(1n << 50n, at)),
    ],
  ])("%s", async (_, bytes) => {
    await expect(readElf(reader(bytes))).rejects.toMatchObject({ class: "integrity", code: "ELF_MALFORMED" });
  });

  test("whatever byte is wrong and wherever it is cut, nothing but ELF_MALFORMED is thrown", async () => {
    const whole = makeElf(FULL);
    for (let at = 0; at < whole.length; at += 1) {
      await expectSound(whole.subarray(0, at));
      for (const value of [0x00, 0x7f, 0xff]) {
        const bytes = Buffer.from(whole);
        bytes[at] = value;
        await expectSound(bytes);
      }
    }
  });
});

async function expectSound(bytes: Uint8Array): Promise<void> {
  try {
    await readElf(reader(bytes));
  } catch (error) {
    expect(error).toMatchObject({ code: "ELF_MALFORMED" });
  }
}
