import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile, link } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { checksum } from "../../../src/shared/tar/header.ts";
import { createTarIndexer, type IndexedMember } from "../../../src/shared/tar/index-tar.ts";

const folder = await mkdtemp(join(tmpdir(), "cloister-index-tar-"));
afterAll(() => rm(folder, { recursive: true }));

function indexOf(bytes: Uint8Array, chunkBytes = bytes.length): readonly IndexedMember[] {
  const indexer = createTarIndexer("test.tar");
  for (let offset = 0; offset < bytes.length; offset += chunkBytes)
    indexer.push(bytes.subarray(offset, offset + chunkBytes));
  return indexer.finish();
}

/** As a reader that can seek does it. */
function seekingIndexOf(bytes: Uint8Array, chunkBytes: number): readonly IndexedMember[] {
  const indexer = createTarIndexer("test.tar");
  for (let offset = 0; offset < bytes.length; offset += indexer.passOver()) {
    indexer.push(bytes.subarray(offset, offset + chunkBytes));
    offset += chunkBytes;
  }
  return indexer.finish();
}

type Field = { readonly offset: number; readonly text: string };

/** One header block, its checksum right unless a field overwrites it. */
function header(name: string, size: string, fields: readonly Field[] = []): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(["0000644", "0000000", "0000000", ""].join("\0"), 100);
  block.write(size, 124);
  block.write("00000000000\0", 136);
  block.write("0", 156);
  block.write("ustar\u000000", 257);
  for (const { offset, text } of fields) block.write(text, offset, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

const END = Buffer.alloc(1024);

/** A folder with the awkward shapes, packed by the system's own tar. */
async function packedBy(format: string): Promise<Buffer> {
  const root = join(folder, format);
  await mkdir(join(root, "deep", "p".repeat(120)), { recursive: true });
  await writeFile(join(root, "plain"), "content");
  await writeFile(join(root, "deep", "p".repeat(120), "n".repeat(130)), "long name");
  await symlink("t".repeat(140), join(root, "symlink"));
  await link(join(root, "plain"), join(root, "zz-hard"));
  const args = [`--format=${format}`, "--sort=name", "-C", root, "-c", "."];
  const { stdout } = await promisify(execFile)("tar", args, { encoding: "buffer", maxBuffer: 1 << 24 });
  return stdout;
}

describe("createTarIndexer", () => {
  test.each(["gnu", "pax"])(
    "finds what GNU tar packed in format %s, in chunks of any size",
    async (format) => {
      const bytes = await packedBy(format);
      const members = indexOf(bytes);
      expect(members.map(({ path, kind, linkTarget }) => [path, kind, linkTarget])).toEqual([
        ["./", "directory", ""],
        ["./deep/", "directory", ""],
        [`./deep/${"p".repeat(120)}/`, "directory", ""],
        [`./deep/${"p".repeat(120)}/${"n".repeat(130)}`, "file", ""],
        ["./plain", "file", ""],
        ["./symlink", "symlink", "t".repeat(140)],
        ["./zz-hard", "hardlink", "./plain"],
      ]);
      const plain = members[4];
      if (plain === undefined) throw new Error("no plain");
      expect(bytes.subarray(plain.offset, plain.offset + plain.sizeBytes).toString()).toBe("content");
      expect(indexOf(bytes, 1)).toEqual(members);
      expect(indexOf(bytes, 700)).toEqual(members);
      for (const chunkBytes of [1, 512, 700, 10_240])
        expect(seekingIndexOf(bytes, chunkBytes)).toEqual(members);
    },
  );

  test("reads a size in base 256", () => {
    const size = Buffer.alloc(12);
    size[0] = 0x80;
    size[11] = 5;
    const bytes = Buffer.concat([header("a", size.toString("latin1")), Buffer.alloc(512), END]);
    bytes.set(size, 124);
    bytes.write(`${checksum(bytes.subarray(0, 512)).toString(8).padStart(6, "0")}\0 `, 148);
    expect(indexOf(bytes)[0]?.sizeBytes).toBe(5);
  });

  test("passes over the content of a member without having seen it, and notices where the end is not there", () => {
    const whole = Buffer.concat([
      header("a", "00000100000\0"),
      Buffer.alloc(32_768, 1),
      header("b", "0\0"),
      END,
    ]);
    const expected = indexOf(whole);
    const blind = Buffer.from(whole);
    blind.fill(2, 1_024, 512 + 32_768);
    expect(seekingIndexOf(blind, 512)).toEqual(expected);
    for (const sizeBytes of [512, 4_096, 512 + 32_768, whole.length - 1_024])
      expect(() => seekingIndexOf(whole.subarray(0, sizeBytes), 512)).toThrow("cut short");
  });

  test.each<[string, Buffer]>([
    ["nothing at all", Buffer.alloc(0)],
    ["half a header", header("a", "00000000000\0").subarray(0, 300)],
    ["a member cut short", Buffer.concat([header("a", "00000001000\0"), Buffer.alloc(100)])],
    ["no zero blocks", header("a", "00000000000\0")],
    ["a wrong checksum", Buffer.concat([Buffer.from(header("a", "00000000000\0")).fill("b", 0, 1), END])],
    ["a size that is not octal", Buffer.concat([header("a", "0000000zzzz\0"), END])],
    [
      "an unknown member type",
      Buffer.concat([header("a", "00000000000\0", [{ offset: 156, text: "Z" }]), END]),
    ],
    [
      "something after the end",
      Buffer.concat([header("a", "00000000000\0"), END, Buffer.alloc(512), Buffer.from("x")]),
    ],
    ["a member after a zero block", Buffer.concat([Buffer.alloc(512), header("a", "00000000000\0"), END])],
    [
      "a long name of two megabytes",
      Buffer.concat([header("a", "00010000000\0", [{ offset: 156, text: "L" }]), Buffer.alloc(1 << 21), END]),
    ],
    [
      "a PAX record that lies about its length",
      Buffer.concat([
        header("a", "00000000013\0", [{ offset: 156, text: "x" }]),
        Buffer.concat([Buffer.from("99 path=b\n\n")], 512),
        header("a", "00000000000\0"),
        END,
      ]),
    ],
    [
      "a PAX size that is no number",
      Buffer.concat([
        header("a", "00000000015\0", [{ offset: 156, text: "x" }]),
        Buffer.concat([Buffer.from("13 size=nine\n")], 512),
        header("a", "00000000000\0"),
        END,
      ]),
    ],
  ])("refuses %s with TAR_MALFORMED", (_, bytes) => {
    expect(() => indexOf(bytes)).toThrow(expect.objectContaining({ code: "TAR_MALFORMED", exitCode: 3 }));
  });
});
