import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asCompiled, toTree } from "../../../src/builder/compile/compiled.ts";
import { digestOf, type Digest } from "../../../src/shared/digest.ts";
import { openStore, type Store } from "../../../src/shared/store/store.ts";

let store: Store;
let blob: Digest;
beforeAll(async () => {
  store = await openStore(await mkdtemp(join(tmpdir(), "cloister-compiled-")));
  blob = (await store.add([Buffer.from("hello")])).digest;
});
afterAll(() => rm(store.root, { recursive: true }));

const file = (change: object = {}) => ({
  kind: "file",
  name: "lib.so.1",
  program: false,
  content: { blob, offset: 0, sizeBytes: 5 },
  ...change,
});
const LINK = { kind: "symlink", name: "lib.so", target: "lib.so.1" };

describe("asCompiled", () => {
  test("takes what was remembered whole", async () => {
    const value: unknown = JSON.parse(JSON.stringify([LINK, file()]));
    expect(await asCompiled(value, store)).toEqual([LINK, file()]);
  });

  test.each<[string, () => unknown]>([
    ["nothing", () => undefined],
    ["an empty list", () => []],
    ["a path", () => [file({ name: "../lib.so" })]],
    ["a name that is the folder above", () => [file({ name: ".." })]],
    ["a symlink out of it", () => [{ ...LINK, target: "/etc/passwd" }]],
    [
      "a blob that is not in the store",
      () => [file({ content: { blob: digestOf("x"), offset: 0, sizeBytes: 1 } })],
    ],
    ["a blob that is no digest", () => [file({ content: { blob: "../../etc", offset: 0, sizeBytes: 1 } })]],
    ["a range", () => [file({ content: { blob, offset: 1, sizeBytes: 1 } })]],
    ["a negative size", () => [file({ content: { blob, offset: 0, sizeBytes: -1 } })]],
    ["an unknown field", () => [file({ mode: 0o4755 })]],
    ["an unknown kind", () => [{ kind: "device", name: "disk" }]],
  ])("gives nothing for %s", async (_, value) => {
    expect(await asCompiled(value(), store)).toBeUndefined();
  });
});

describe("toTree", () => {
  test("puts folders above the files, sorted by path", async () => {
    const files = await asCompiled([file({ name: "b", program: true }), file({ name: "a" })], store);
    const tree = toTree(files ?? [], "/opt/deep/thing", 1_650_000_000);
    expect(tree.map(({ path, mode, mtime, uid, gid }) => [path, mode.toString(8), mtime, uid, gid])).toEqual([
      ["opt", "755", 1_650_000_000, 0, 0],
      ["opt/deep", "755", 1_650_000_000, 0, 0],
      ["opt/deep/thing", "755", 1_650_000_000, 0, 0],
      ["opt/deep/thing/a", "644", 1_650_000_000, 0, 0],
      ["opt/deep/thing/b", "755", 1_650_000_000, 0, 0],
    ]);
  });

  test.each(["/opt/../etc", "/", "//opt"])("refuses the destination %s", (destination) => {
    expect(() => toTree([], destination, 1_650_000_000)).toThrow(
      expect.objectContaining({ code: "PATH_UNSAFE" }),
    );
  });
});
