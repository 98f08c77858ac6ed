import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { echoModel } from "../../../src/shared/gguf/echo-model.ts";
import { randomLlama } from "../../../src/shared/gguf/random-llama.ts";
import { readGguf, readGgufFrom } from "../../../src/shared/gguf/read.ts";
import { writeGguf, type GgufModel, type Pair } from "../../../src/shared/gguf/write.ts";

function bytesOf(model: GgufModel): Buffer {
  return Buffer.concat([...writeGguf(model)]);
}

function read(bytes: Uint8Array, sizeBytes: number = bytes.length) {
  return readGgufFrom("model.gguf", {
    sizeBytes,
    read: async (target, offset) => {
      const part = bytes.subarray(offset, offset + target.length);
      target.set(part);
      return part.length;
    },
  });
}

const malformed = { class: "integrity", code: "GGUF_MALFORMED" };

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function u64(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}
function file(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from("GGUF"), u32(3), ...parts]);
}
function withPairs(pairs: readonly Pair[]): Buffer {
  return bytesOf({ pairs, tensors: randomLlama(1).tensors });
}
const architecture: Pair = ["general.architecture", { text: "llama" }];

describe("readGguf", () => {
  test("tells architecture, name, tensors, parameters, type and context length", async () => {
    expect(await read(bytesOf(randomLlama(1)))).toMatchObject({
      version: 3,
      architecture: "llama",
      name: "tiny-random",
      tensorCount: 21,
      parameterCount: 107_584,
      quantisation: "F32",
      contextLength: 2_048,
      sizeBytes: 438_400,
    });
  });

  test("reads version 2 alike and lists the metadata keys in the file's order", async () => {
    const bytes = bytesOf(echoModel());
    bytes.writeUInt32LE(2, 4);
    const header = await read(bytes);
    expect(header.version).toBe(2);
    expect(header.keys).toEqual(echoModel().pairs.map(([key]) => key));
  });

  test("reads a file from disk, and gives a name without control characters", async () => {
    const path = join(await mkdtemp(join(tmpdir(), "gguf-")), "m.gguf");
    await writeFile(path, withPairs([architecture, ["general.name", { text: "a\u001b[31mred\nname" }]]));
    expect((await readGguf(path)).name).toBe("a [31mred name");
  });

  test("names a missing file unavailable and a folder malformed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gguf-"));
    await expect(readGguf(join(folder, "none.gguf"))).rejects.toMatchObject({
      class: "unavailable",
      code: "MODEL_MISSING",
    });
    await expect(readGguf(folder)).rejects.toMatchObject(malformed);
  });
});

describe("readGguf refuses", () => {
  test("every cut of a whole file, at each byte of its header and in its data", async () => {
    const bytes = bytesOf(echoModel());
    const cuts = [
      ...Array.from({ length: 700 }, (_, index) => index),
      4_000,
      9_000,
      12_000,
      500_000,
      bytes.length - 200_000,
    ];
    for (const cut of cuts) await expect(read(bytes.subarray(0, cut))).rejects.toMatchObject(malformed);
  });

  test.each([
    ["an empty file", Buffer.alloc(0), 'does not begin with "GGUF"'],
    ["other bytes", Buffer.from("PK\u0003\u0004 and so on, for a while"), 'does not begin with "GGUF"'],
    ["version 1", Buffer.concat([Buffer.from("GGUF"), u32(1), u64(0), u64(0)]), "its version is 1"],
    ["big-endian", Buffer.from([0x47, 0x47, 0x55, 0x46, 0, 0, 0, 3, 0, 0, 0, 0]), "it is big-endian"],
    ["2^63 tensors", file(u64(2n ** 63n), u64(0)), "the number of tensors is 9223372036854775808"],
    ["a billion tensors", file(u64(1_000_000_000), u64(0)), "it declares 1000000000 tensors"],
    ["2^40 keys", file(u64(0), u64(2n ** 40n)), "it declares 1099511627776 metadata keys"],
    ["a key of 4 GB", file(u64(0), u64(1), u64(2n ** 32n)), "metadata key 1 is 4294967296 bytes long"],
    ["a value of unknown type", file(u64(0), u64(1), text("k"), u32(13)), 'the value of "k" has type 13'],
    [
      "an array of 2^50 strings",
      file(u64(0), u64(1), text("k"), u32(9), u32(8), u64(2n ** 50n)),
      'the value of "k" declares 1125899906842624 items',
    ],
    [
      "arrays in arrays in arrays",
      file(
        u64(0),
        u64(1),
        text("k"),
        u32(9),
        u32(9),
        u64(1),
        u32(9),
        u64(1),
        u32(9),
        u64(1),
        Buffer.alloc(64),
      ),
      "arrays of arrays of arrays",
    ],
    [
      "a string longer than the file",
      file(u64(0), u64(1), text("k"), u32(8), u64(1_000_000)),
      'within the value of "k"',
    ],
  ])("%s", async (_, bytes, sentence) => {
    await expect(read(bytes)).rejects.toMatchObject({
      ...malformed,
      message: expect.stringContaining(sentence),
    });
  });

  test.each<[string, readonly Pair[], string]>([
    ["no architecture", [["general.name", { text: "x" }]], 'no "general.architecture"'],
    [
      "an architecture with an escape",
      [["general.architecture", { text: "a\u001b[1m" }]],
      "its architecture is",
    ],
    [
      "a key that stands twice",
      [architecture, architecture],
      'metadata key "general.architecture" stands twice',
    ],
    ["alignment 0", [architecture, ["general.alignment", { u32: 0 }]], "its alignment is 0"],
    ["alignment 48", [architecture, ["general.alignment", { u32: 48 }]], "its alignment is 48"],
    ["alignment as text", [architecture, ["general.alignment", { text: "32" }]], "its alignment is 0"],
  ])("%s", async (_, pairs, sentence) => {
    await expect(read(withPairs(pairs))).rejects.toMatchObject({
      ...malformed,
      message: expect.stringContaining(sentence),
    });
  });

  const tensor = (name: string, shape: readonly bigint[], rest: { type?: number; offset?: bigint } = {}) =>
    Buffer.concat([
      text(name),
      u32(shape.length),
      ...shape.map(u64),
      u32(rest.type ?? 0),
      u64(rest.offset ?? 0n),
    ]);
  const key = Buffer.concat([text("general.architecture"), u32(8), text("llama")]);

  test.each([
    ["5 dimensions", [tensor("t", [1n, 1n, 1n, 1n, 1n])], 'tensor "t" has 5 dimensions'],
    ["no dimension", [tensor("t", [])], 'tensor "t" has 0 dimensions'],
    ["an axis of 0", [tensor("t", [32n, 0n])], 'tensor "t" has an axis of 0'],
    ["a product past 2^53", [tensor("t", [2n ** 40n, 2n ** 40n])], 'tensor "t" has an axis of 1099511627776'],
    ["an unknown type", [tensor("t", [32n], { type: 99 })], 'tensor "t" has type 99'],
    ["half a block", [tensor("t", [33n], { type: 2 })], 'tensor "t" has rows of 33 weights'],
    ["data outside the file", [tensor("t", [1_000_000n])], "it is cut short"],
    [
      "an offset into the header",
      [tensor("t", [8n], { offset: 64n })],
      'tensor "t" begins at 64, expected 0',
    ],
    ["overlapping tensors", [tensor("a", [32n]), tensor("b", [32n])], 'tensor "b" begins at 0, expected 128'],
    ["one name twice", [tensor("a", [8n]), tensor("a", [8n], { offset: 32n })], 'tensor "a" stands twice'],
    ["a name of 65 bytes", [tensor("n".repeat(65), [8n])], "the name of tensor 1 is 65 bytes long"],
    ["a name with a line break", [tensor("a\nb", [8n])], "the name of tensor 1 is not text"],
  ])("a tensor with %s", async (_, tensors, sentence) => {
    const bytes = file(u64(tensors.length), u64(1), key, ...tensors, Buffer.alloc(512));
    await expect(read(bytes)).rejects.toMatchObject({
      ...malformed,
      message: expect.stringContaining(sentence),
    });
  });

  test("a file that shrinks while it is read", async () => {
    await expect(read(bytesOf(echoModel()).subarray(0, 100), 879_744)).rejects.toMatchObject(malformed);
  });
});
