import { writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { unpackWheel } from "../../../src/builder/wheel/unpack-wheel.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { createRangeReader } from "../../../src/shared/tar/ranges.ts";
import { temporaryStore } from "../temporary.ts";
import { makeZip, recordLine, storeWheel, wheelBytes, type SmallWheel } from "./small-wheel.ts";

const INFO = "alpha-1.0.dist-info";
const MODULE = "alpha/__init__.py";

let store: Store;
beforeEach(async () => {
  store = await temporaryStore();
});

async function unpack(bytes: Uint8Array) {
  return await unpackWheel(await storeWheel(store, bytes), { store });
}

async function textOf(file: {
  readonly content: Parameters<ReturnType<typeof createRangeReader>["read"]>[1] & {
    blob: Parameters<Store["pathOf"]>[0];
  };
}) {
  const ranges = createRangeReader();
  const chunks = await Array.fromAsync(ranges.read(store.pathOf(file.content.blob), file.content));
  await ranges.close();
  return Buffer.concat(chunks).toString();
}

describe("an honest wheel", () => {
  test("is its files but RECORD, sorted, with digest, content and whether each may run", async () => {
    const files = { "alpha/run.sh": "#!x\n", "alpha/empty": "", [MODULE]: "x = 1\n" };
    const { info, files: found } = await unpack(wheelBytes({ files, programs: ["alpha/run.sh"] }));
    expect(info).toBe(INFO);
    expect(found.map(({ path, program }) => [path, program])).toEqual([
      [`${INFO}/METADATA`, false],
      [`${INFO}/WHEEL`, false],
      [MODULE, false],
      ["alpha/empty", false],
      ["alpha/run.sh", true],
    ]);
    for (const file of found) expect(digestOf(await textOf(file)), file.path).toBe(file.sha256);
    const module = found.find(({ path }) => path === MODULE);
    expect(module && (await textOf(module))).toBe("x = 1\n");
  });

  test("may be stored instead of deflated, and hash with sha512", async () => {
    const raw = [{ path: MODULE, bytes: "y\n", method: 0 }];
    const record = (lines: readonly string[]) =>
      lines.map((line) => (line.startsWith(MODULE) ? recordLine(MODULE, "y\n", "sha512") : line));
    expect((await unpack(wheelBytes({ raw, record }))).files).toHaveLength(3);
  });

  test("is read once: what the store remembers is used while its blob is there", async () => {
    const wheel = await storeWheel(store, wheelBytes());
    const first = await unpackWheel(wheel, { store });
    await writeFile(store.pathOf(wheel.sha256), "no wheel any more");
    expect(await unpackWheel(wheel, { store })).toEqual(first);
    await store.remember("wheel", wheel.sha256, { ...first, files: [{ path: "../x" }] });
    await expect(unpackWheel(wheel, { store })).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });
});

describe("a wheel that lies is refused", () => {
  const instead = (line: string) => (lines: readonly string[]) =>
    lines.map((one) => (one.startsWith(MODULE) ? line : one));

  test.each<[string, SmallWheel, RegExp]>([
    ["a file that RECORD lacks", { record: without(MODULE) }, /RECORD lacks "alpha\/__init__\.py"/],
    [
      "a file that is not there",
      { record: (lines) => [...lines, recordLine("alpha/gone.py", "")] },
      /it lacks "alpha\/gone\.py"/,
    ],
    ["other bytes of the same length", { raw: [{ path: MODULE, bytes: "x = 2\n" }] }, /the sha256 of/],
    ["more bytes", { raw: [{ path: MODULE, bytes: "x = 12\n" }] }, /has 7 bytes, its RECORD says 6/],
    ["no digest of a file", { record: instead(`${MODULE},,6`) }, /no digest of/],
    ["a weak digest", { record: instead(recordLine(MODULE, "x = 1\n", "md5")) }, /expected path, sha256/],
    ["a line that is none", { record: (lines) => [...lines, "what"] }, /has the line "what"/],
    ["a file listed twice", { record: (lines) => [...lines, ...lines.slice(0, 1)] }, /RECORD has .* twice/],
    [
      "a file there twice",
      {
        raw: [
          { path: "b", bytes: "" },
          { path: "b", bytes: "" },
        ],
      },
      /has "b" twice/,
    ],
    ["two RECORDs", { raw: [{ path: "beta-1.dist-info/RECORD", bytes: "" }] }, /2 RECORDs/],
    ["a symlink", { raw: [{ path: MODULE, bytes: "/etc/passwd", mode: 0o120777 }] }, /its kind is 120000/],
    ["a device", { raw: [{ path: MODULE, bytes: "", mode: 0o020644 }] }, /its kind is 20000/],
    ["a named pipe", { raw: [{ path: MODULE, bytes: "", mode: 0o010644 }] }, /its kind is 10000/],
    [
      "a folder that is a file",
      { raw: [{ path: "x/", bytes: "", mode: 0o100644 }] },
      /neither a regular file/,
    ],
    ["a folder with content", { raw: [{ path: "x/", bytes: "x", mode: 0o040755 }] }, /has content/],
    ["an encrypted file", { raw: [{ path: MODULE, bytes: "x = 1\n", flags: 0x801 }] }, /is encrypted/],
    ["an unknown compression", { raw: [{ path: MODULE, bytes: "x = 1\n", method: 12 }] }, /method 12/],
    ["a way up", { raw: [{ path: "../x", bytes: "" }] }, /\.\.\/x/],
    ["a way up within", { raw: [{ path: "a/../../x", bytes: "" }] }, /a\/\.\.\/\.\.\/x/],
    ["an absolute path", { raw: [{ path: "/etc/x", bytes: "" }] }, /absolute path/],
    ["a backslash", { raw: [{ path: "a\\b", bytes: "" }] }, /invalid characters/],
    [
      "a bomb that says it is small",
      { raw: [{ path: MODULE, bytes: "0".repeat(9_000_000), claimedBytes: 6 }] },
      /too many bytes/,
    ],
    [
      "fewer bytes than it says",
      { raw: [{ path: MODULE, bytes: "x", claimedBytes: 6 }] },
      /not enough bytes/,
    ],
  ])("for %s", async (_, small, why) => {
    await expect(unpack(wheelBytes(small))).rejects.toMatchObject({
      class: "integrity",
      message: expect.stringMatching(why),
    });
  });

  test("with an empty part or a dot in a path", async () => {
    for (const path of ["a//b", "./b", "a/./b"])
      await expect(unpack(wheelBytes({ raw: [{ path, bytes: "" }] })), path).rejects.toMatchObject({
        code: "PATH_UNSAFE",
      });
  });

  test("when it is cut off anywhere, or is no zip", async () => {
    const whole = wheelBytes();
    for (let length = 0; length < whole.length; length += 7)
      await expect(unpack(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: "WHEEL_MALFORMED",
      });
    await expect(unpack(makeZip([]))).rejects.toMatchObject({ code: "WHEEL_MALFORMED" });
  });

  test("and nothing of it is kept", async () => {
    const wheel = await storeWheel(store, wheelBytes({ raw: [{ path: MODULE, bytes: "x = 2\n" }] }));
    await expect(unpackWheel(wheel, { store })).rejects.toMatchObject({ code: "WHEEL_MALFORMED" });
    expect(await store.recall("wheel", wheel.sha256)).toBeUndefined();
  });
});

test("a wheel that is not in the store is named, with exit code 11", async () => {
  const wheel = { ...(await storeWheel(store, wheelBytes())), sha256: digestOf("gone") };
  await expect(unpackWheel(wheel, { store })).rejects.toMatchObject({ code: "WHEEL_MISSING", exitCode: 11 });
});

function without(path: string): (lines: readonly string[]) => readonly string[] {
  return (lines) => lines.filter((line) => !line.startsWith(path));
}
