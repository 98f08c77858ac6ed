import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { unpackDeb } from "../../../src/builder/assemble/unpack-deb.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { fieldOf } from "../../../src/builder/lock/debian/control.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { createRangeReader } from "../../../src/shared/tar/ranges.ts";
import { guardDeterminism } from "../guard.ts";
import { temporaryStore } from "../temporary.ts";
import { addDeb, compress, controlTar, makeAr, makeDeb, makeTar, type Compression } from "./small-deb.ts";

guardDeterminism();

let store: Store;
beforeEach(async () => {
  store = await temporaryStore();
});

async function unpackBytes(bytes: Uint8Array) {
  return await unpackDeb(await store.add([bytes]), { store });
}

const BINARY = { name: "debian-binary", bytes: Buffer.from("2.0\n") };
const CONTROL = { name: "control.tar", bytes: controlTar({}) };
const DATA = { name: "data.tar", bytes: makeTar([{ path: "./a", text: "a" }]) };

describe("a whole package", () => {
  test.each<Compression>(["", ".gz", ".xz", ".zst"])(
    "compressed with '%s' is taken apart",
    async (compression) => {
      const deb = await addDeb(store, {
        compression,
        control: { postinst: "#!/bin/sh\n", md5sums: "x" },
        data: [
          { path: "./", kind: "directory" },
          { path: "./usr/", kind: "directory", mode: 0o2755, gid: 50 },
          { path: "./usr/a", text: "content of a" },
          { path: "./usr/b", kind: "hardlink", linkTarget: "./usr/a" },
          { path: "./usr/c", kind: "symlink", linkTarget: "../../a" },
        ],
      });
      const { control, controlFiles, members, dataTar } = await unpackDeb(deb, { store });
      expect(fieldOf(control, "package")).toBe("small");
      expect([...controlFiles.keys()]).toEqual(["control", "postinst", "md5sums"]);
      expect(Buffer.from(controlFiles.get("postinst") ?? []).toString()).toBe("#!/bin/sh\n");
      expect(members).toMatchObject([
        { path: "usr", kind: "directory", mode: 0o2755, gid: 50 },
        { path: "usr/a", kind: "file", sizeBytes: 12 },
        { path: "usr/b", kind: "hardlink", linkTarget: "usr/a" },
        { path: "usr/c", kind: "symlink", linkTarget: "../../a" },
      ]);
      expect(await read(dataTar, members[1])).toBe("content of a");
    },
  );

  test("is remembered: the second time nothing is unpacked", async () => {
    const deb = await addDeb(store, { data: [{ path: "a", text: "a" }] });
    const first = await unpackDeb(deb, { store });
    const later = { ...store, add: () => Promise.reject(new Error("unpacked again")) };
    expect(await unpackDeb(deb, { store: later })).toEqual(first);
  });

  test("is unpacked anew where what was remembered is damaged", async () => {
    const deb = await addDeb(store, { data: [{ path: "a", text: "a" }] });
    const first = await unpackDeb(deb, { store });
    await store.remember("deb", deb.digest, { format: 1, members: [{ path: "../a" }] });
    expect(await unpackDeb(deb, { store })).toEqual(first);
  });
});

describe("a broken archive is refused", () => {
  const whole = makeDeb();
  test.each([
    ["empty", Buffer.alloc(0)],
    ["not an archive", Buffer.from("PK\u0003\u0004 something else entirely")],
    ["cut in the magic", whole.subarray(0, 5)],
    ["cut in a header", whole.subarray(0, 40)],
    ["cut in a member", whole.subarray(0, whole.length - 700)],
    ["cut between members", makeAr([BINARY, CONTROL])],
    ["no members", makeAr([])],
    ["of another format", makeAr([{ ...BINARY, bytes: Buffer.from("3.0\n") }, CONTROL, DATA])],
    ["with a huge version", makeAr([{ ...BINARY, bytes: Buffer.alloc(1 << 20, "2") }, CONTROL, DATA])],
    ["in another order", makeAr([BINARY, DATA, CONTROL])],
    ["with a member more", makeAr([BINARY, CONTROL, DATA, { name: "_extra", bytes: Buffer.from("x") }])],
    ["with a member between", makeAr([BINARY, { name: "_extra", bytes: Buffer.from("x") }, CONTROL, DATA])],
    ["with a size beyond its end", makeAr([BINARY, CONTROL, { ...DATA, size: "999999" }])],
    ["with a size short of its end", makeAr([BINARY, { ...CONTROL, size: "100" }, DATA])],
    ["with a size that is no number", makeAr([BINARY, { ...CONTROL, size: "-1" }, DATA])],
    ["with unknown compression", makeAr([BINARY, CONTROL, { ...DATA, name: "data.tar.lzma" }])],
    ["with bytes that are not gzip", makeAr([BINARY, CONTROL, { ...DATA, name: "data.tar.gz" }])],
    ["with bytes that are not zstd", makeAr([BINARY, CONTROL, { ...DATA, name: "data.tar.zst" }])],
    ["with bytes that are not xz", makeAr([BINARY, CONTROL, { ...DATA, name: "data.tar.xz" }])],
    [
      "with xz cut short",
      makeAr([BINARY, CONTROL, { name: "data.tar.xz", bytes: compress(DATA.bytes, ".xz").subarray(0, 90) }]),
    ],
    [
      "without a control file",
      makeAr([BINARY, { ...CONTROL, bytes: makeTar([{ path: "./md5sums" }]) }, DATA]),
    ],
    [
      "with a folder in control.tar",
      makeAr([BINARY, { ...CONTROL, bytes: makeTar([{ path: "./sub/", kind: "directory" }]) }, DATA]),
    ],
    [
      "with a control file that is not UTF-8",
      makeAr([
        BINARY,
        { ...CONTROL, bytes: controlTar({ control: { control: Buffer.from([0x50, 0xff]) } }) },
        DATA,
      ]),
    ],
    ["with two stanzas", makeAr([BINARY, { ...CONTROL, bytes: controlTar({ fields: "\n" }) }, DATA])],
  ])("%s", async (_, bytes) => {
    await expect(unpackBytes(bytes)).rejects.toMatchObject({ class: "integrity", code: "DEB_MALFORMED" });
  });

  test("a control.tar that unpacks to more than its limit", async () => {
    const bomb = compress(Buffer.alloc(65 << 20), ".gz");
    await expect(
      unpackBytes(makeAr([BINARY, { name: "control.tar.gz", bytes: bomb }, DATA])),
    ).rejects.toMatchObject({ class: "integrity", code: "DEB_TOO_LARGE" });
  });

  test("a package that is not in the store is unavailable", async () => {
    await expect(unpackDeb({ digest: digestOf("nowhere"), sizeBytes: 7 }, { store })).rejects.toMatchObject({
      class: "unavailable",
      code: "DEB_MISSING",
    });
  });
});

describe("a hostile data.tar is refused, and nothing of it stays", () => {
  test.each([
    ["PATH_UNSAFE", "a path that climbs", { path: "./../etc/passwd", text: "x" }],
    ["PATH_UNSAFE", "a path with a dot part", { path: "usr/./a", text: "x" }],
    ["PATH_UNSAFE", "a path with an empty part", { path: "usr//a", text: "x" }],
    ["PATH_ABSOLUTE", "an absolute path", { path: "/etc/passwd", text: "x" }],
    ["MEMBER_DEVICE", "a character device", { path: "./dev/null", flag: "3" }],
    ["MEMBER_DEVICE", "a block device", { path: "./dev/sda", flag: "4" }],
    ["MEMBER_FIFO", "a fifo", { path: "./run/fifo", flag: "6" }],
    ["MEMBER_DUPLICATE", "a path with another content", { path: "first", text: "second content" }],
    ["MEMBER_DUPLICATE", "a path of another kind", { path: "./first/", kind: "directory" }],
    ["MEMBER_BELOW_LINK", "a file below a symlink", { path: "./link/a", text: "x" }],
    ["MEMBER_BELOW_LINK", "a file below a file", { path: "./first/a/b", text: "x" }],
    ["LINK_OUTSIDE", "a hard link that climbs", { path: "./hard", kind: "hardlink", linkTarget: "../first" }],
    ["LINK_OUTSIDE", "a hard link to the host", { path: "./hard", kind: "hardlink", linkTarget: "/first" }],
    ["LINK_OUTSIDE", "a hard link to the root", { path: "./hard", kind: "hardlink", linkTarget: "./" }],
    ["LINK_MISSING", "a hard link to nothing", { path: "./hard", kind: "hardlink", linkTarget: "./nowhere" }],
    ["LINK_MISSING", "a hard link to a symlink", { path: "./hard", kind: "hardlink", linkTarget: "./link" }],
    ["TAR_MALFORMED", "a symlink to nothing at all", { path: "./sym", kind: "symlink", linkTarget: "" }],
    ["TAR_MALFORMED", "a type that tar does not have", { path: "./strange", flag: "Z" }],
  ] as const)("%s: %s", async (...[code, , entry]) => {
    const deb = await addDeb(store, {
      data: [{ path: "./first", text: "first" }, { path: "./link", kind: "symlink", linkTarget: "/" }, entry],
    });
    const before = await blobsOf(store);
    await expect(unpackDeb(deb, { store })).rejects.toMatchObject({ class: "integrity", code });
    const left = (await blobsOf(store)).filter((blob) => !before.includes(blob));
    expect(left).toEqual([digestOf(controlTar({})).slice("sha256:".length)]);
    expect(await store.recall("deb", deb.digest)).toBeUndefined();
    expect(await readdir(join(store.root, "partial"))).toEqual([]);
  });
});

async function read(
  blob: Parameters<Store["pathOf"]>[0],
  range: { readonly offset: number; readonly sizeBytes: number } | undefined,
): Promise<string> {
  const ranges = createRangeReader();
  const chunks: Uint8Array[] = [];
  if (range === undefined) throw new Error("No such member");
  for await (const chunk of ranges.read(store.pathOf(blob), range)) chunks.push(chunk);
  await ranges.close();
  return Buffer.concat(chunks).toString();
}

async function blobsOf({ root }: Store): Promise<readonly string[]> {
  const names = await readdir(join(root, "sha256"), { recursive: true });
  return names.flatMap((name) => name.split("/")[1] ?? []).sort();
}
