import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readCommitObject, type GitFolder } from "../../../../src/builder/fetch/source/git-folder.ts";
import { objectId } from "../../../../src/builder/fetch/source/git-object.ts";
import { COMMIT, COMMIT_TEXT, looseObject } from "./fixture.ts";

const LOOSE_PATH = `objects/${COMMIT.slice(0, 2)}/${COMMIT.slice(2)}`;
const CONTENT = Buffer.from(COMMIT_TEXT);

function folderOf(files: Readonly<Record<string, Uint8Array>>): GitFolder {
  const bytes = new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]));
  return {
    sizes: new Map([...bytes].map(([path, content]) => [path, content.length])),
    read: async (path, { offset, sizeBytes }) =>
      bytes.get(path)?.subarray(offset, offset + sizeBytes) ?? Buffer.alloc(0),
  };
}

type Packed = {
  readonly id: string;
  readonly type: number;
  readonly content: Buffer;
  readonly sizeBytes?: number;
};

/** A pack and its index, version 2, as gitformat-pack(5) has them; checksums are zeros, which nobody here looks at. */
function makePack(objects: readonly Packed[], far = false) {
  const parts: Buffer[] = [Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1")];
  const offsets = objects.map(({ type, content, sizeBytes = content.length }) => {
    const offset = parts.reduce((sum, part) => sum + part.length, 0);
    parts.push(packedHeader(type, sizeBytes), deflateSync(content));
    return offset;
  });
  const rows = objects
    .map(({ id }, at) => ({ id, offset: offsets[at] ?? 0 }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const fanout = Buffer.alloc(256 * 4);
  for (let first = 0; first < 256; first += 1)
    fanout.writeUInt32BE(
      rows.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) <= first).length,
      first * 4,
    );
  const short = Buffer.alloc(rows.length * 4);
  const long = Buffer.alloc(far ? rows.length * 8 : 0);
  for (const [at, { offset }] of rows.entries()) {
    short.writeUInt32BE(far ? 0x80000000 + at : offset, at * 4);
    if (far) long.writeBigUInt64BE(BigInt(offset), at * 8);
  }
  const names = Buffer.concat(rows.map(({ id }) => Buffer.from(id, "hex")));
  const head = Buffer.from("\xfftOc\0\0\0\x02", "latin1");
  const index = Buffer.concat([
    head,
    fanout,
    names,
    Buffer.alloc(rows.length * 4),
    short,
    long,
    Buffer.alloc(40),
  ]);
  return { pack: Buffer.concat([...parts, Buffer.alloc(20)]), index };
}

function packedHeader(type: number, sizeBytes: number): Buffer {
  const bytes: number[] = [];
  let low = (type << 4) | (sizeBytes & 15);
  for (let rest = sizeBytes >> 4; ; rest >>= 7) {
    bytes.push(rest > 0 ? low | 0x80 : low);
    if (rest === 0) return Buffer.from(bytes);
    low = rest & 0x7f;
  }
}

const BLOB = Buffer.from("some other object ".repeat(40));
const OTHERS: readonly Packed[] = [{ id: objectId("blob", BLOB), type: 3, content: BLOB }];
const PACKED_COMMIT: Packed = { id: COMMIT, type: 1, content: CONTENT };

function packFolder({ pack, index }: { pack: Buffer; index: Buffer }): GitFolder {
  return folderOf({ "objects/pack/pack-1.idx": index, "objects/pack/pack-1.pack": pack });
}

describe("readCommitObject", () => {
  test("reads a loose object", async () => {
    const folder = folderOf({ [LOOSE_PATH]: looseObject("commit", COMMIT_TEXT) });
    expect(await readCommitObject(folder, COMMIT)).toEqual(CONTENT);
  });

  test.each([
    ["before others", [PACKED_COMMIT, ...OTHERS], false],
    ["behind others", [...OTHERS, PACKED_COMMIT], false],
    ["with offsets of eight bytes", [...OTHERS, PACKED_COMMIT], true],
  ])("reads a packed object %s", async (_, objects, far) => {
    expect(await readCommitObject(packFolder(makePack(objects, far)), COMMIT)).toEqual(CONTENT);
  });

  test("looks through every pack", async () => {
    const first = makePack(OTHERS);
    const second = makePack([PACKED_COMMIT]);
    const folder = folderOf({
      "objects/pack/pack-1.idx": first.index,
      "objects/pack/pack-1.pack": first.pack,
      "objects/pack/pack-2.idx": second.index,
      "objects/pack/pack-2.pack": second.pack,
    });
    expect(await readCommitObject(folder, COMMIT)).toEqual(CONTENT);
  });

  test.each([
    ["nothing", folderOf({})],
    ["other objects", packFolder(makePack(OTHERS))],
    ["an index without its pack", folderOf({ "objects/pack/pack-1.idx": makePack([PACKED_COMMIT]).index })],
  ])("says that the commit is absent where there is %s", async (_, folder) => {
    await expect(readCommitObject(folder, COMMIT)).rejects.toMatchObject({
      code: "SOURCE_COMMIT_ABSENT",
      class: "unavailable",
    });
  });

  const whole = makePack([PACKED_COMMIT, ...OTHERS]);
  const swapped = Buffer.from(whole.index);
  swapped.writeUInt32BE(0x7fffffff, 8 + 1024 + 2 * 24);
  swapped.writeUInt32BE(0x7fffffff, 8 + 1024 + 2 * 24 + 4);
  const lying = Buffer.from(whole.index);
  lying.writeUInt32BE(5_000, 8 + 1020);
  const farAway = Buffer.from(whole.index);
  farAway.writeUInt32BE(0xfffffff0, 8 + 1024 + 2 * 24);
  test.each([
    ["a loose object that is no zlib stream", folderOf({ [LOOSE_PATH]: Buffer.from("nonsense") })],
    [
      "a loose object cut short",
      folderOf({ [LOOSE_PATH]: looseObject("commit", COMMIT_TEXT).subarray(0, 60) }),
    ],
    ["a loose blob", folderOf({ [LOOSE_PATH]: looseObject("blob", COMMIT_TEXT) })],
    [
      "a loose object of zeros that never end",
      folderOf({ [LOOSE_PATH]: deflateSync(Buffer.alloc(8 << 20)) }),
    ],
    ["a packed tree under the commit's id", packFolder(makePack([{ ...PACKED_COMMIT, type: 2 }]))],
    ["a delta", packFolder(makePack([{ ...PACKED_COMMIT, type: 7 }]))],
    [
      "a packed object that is longer than it says",
      packFolder(makePack([{ ...PACKED_COMMIT, sizeBytes: 7 }])),
    ],
    ["an index of version 1", packFolder({ ...whole, index: whole.index.subarray(8) })],
    ["an index cut short", packFolder({ ...whole, index: whole.index.subarray(0, 1_100) })],
    ["an index with more objects than bytes", packFolder({ ...whole, index: lying })],
    ["an index that points behind the pack", packFolder({ ...whole, index: swapped })],
    ["an index that points behind its own table", packFolder({ ...whole, index: farAway })],
    ["an empty pack", packFolder({ ...whole, pack: Buffer.alloc(0) })],
  ])("refuses %s", async (_, folder) => {
    await expect(readCommitObject(folder, COMMIT)).rejects.toMatchObject({
      code: "GIT_MALFORMED",
      class: "integrity",
    });
  });
});
