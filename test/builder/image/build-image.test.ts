import { readFile, rm, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { writeLayer } from "../../../src/builder/image/layer.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { byKey } from "../../../src/shared/order.ts";
import { createTarIndexer } from "../../../src/shared/tar/index-tar.ts";
import { smallImage, smallTree } from "../small-image.ts";
import { temporaryStore } from "../temporary.ts";

describe("buildImage", () => {
  test("names layers, config and manifest by the digests of their bytes", async () => {
    const store = await temporaryStore();
    const image = await smallImage(store);
    for (const blob of [...image.layers, image.config, image.manifest, image.fileList]) {
      const bytes = await readFile(store.pathOf(blob.digest));
      expect(digestOf(bytes)).toBe(blob.digest);
      expect(bytes.length).toBe(blob.sizeBytes);
    }
    const config = JSON.parse(await readFile(store.pathOf(image.config.digest), "utf8"));
    expect(config.rootfs.diff_ids).toEqual(image.layers.map((layer) => layer.digest));
    expect(config.created).toBe("2025-10-09T08:53:20Z");
    expect(image.reference).toBe(
      `localhost/cloister/small:0.1.0-${image.config.digest.slice("sha256:".length, "sha256:".length + 12)}`,
    );
  });

  test("is the same image in another store", async () => {
    expect(await smallImage(await temporaryStore())).toEqual(await smallImage(await temporaryStore()));
  });

  test("is another image with the same base layer where one file of the upper layer differs", async () => {
    const store = await temporaryStore();
    const [one, other] = [await smallImage(store), await smallImage(store, "tool2")];
    expect(other.layers[0]).toEqual(one.layers[0]);
    expect(other.layers[1]).not.toEqual(one.layers[1]);
    expect(other.reference).not.toBe(one.reference);
  });

  test("lists each path once, a hard link as the file it is", async () => {
    const store = await temporaryStore();
    const { fileList } = await smallImage(store);
    const list = JSON.parse(await readFile(store.pathOf(fileList.digest), "utf8"));
    const byPath = new Map(list.files.map((file: { path: string }) => [file.path, file]));
    expect([...byPath.keys()]).toEqual([...byPath.keys()].sort(byKey((path) => String(path))));
    expect(byPath.get("lib/b")).toEqual({
      path: "lib/b",
      kind: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      sizeBytes: 2,
      sha256: digestOf("aa"),
    });
    expect(byPath.get("bin/t")).toMatchObject({ kind: "symlink", target: "tool" });
    expect(byPath.get("bin/tool")).toMatchObject({ mode: 0o755, sha256: digestOf("tool") });
  });
});

describe("writeLayer", () => {
  test("holds the tree's entries in the tree's order", async () => {
    const store = await temporaryStore();
    const tree = await smallTree({ a: undefined, "a-b": "x", "a/b": { link: "../a-b" } }, store);
    const { digest } = await writeLayer(tree, { store });
    const indexer = createTarIndexer("layer");
    indexer.push(await readFile(store.pathOf(digest)));
    const members = indexer.finish();
    expect(members.map(({ path, kind }) => [path.replace(/\/$/, ""), kind])).toEqual([
      ["a", "directory"],
      ["a-b", "file"],
      ["a/b", "symlink"],
    ]);
  });

  test("refuses a tree whose blob was changed in the store", async () => {
    const store = await temporaryStore();
    const tree = await smallTree({ a: "first" }, store);
    const node = tree[0];
    if (node?.kind !== "file") throw new Error("expected a file");
    await writeFile(store.pathOf(node.content.blob), "headfirsT");
    await expect(writeLayer(tree, { store })).rejects.toMatchObject({
      code: "STORE_DAMAGED",
      class: "integrity",
    });
  });

  test("makes a layer anew where the remembered one has gone", async () => {
    const store = await temporaryStore();
    const tree = await smallTree({ a: "first" }, store);
    const layer = await writeLayer(tree, { store });
    await rm(store.pathOf(layer.digest));
    expect(await writeLayer(tree, { store })).toEqual(layer);
    expect(await store.has(layer.digest)).toBe(true);
  });

  test.each([
    ["a file without its folder", { "a/b": "x" }],
    ["a hard link before its target", { a: { hard: "b" }, b: "x" }],
    ["a file below a file", { a: "x", "a/b": "y" }],
  ])("stops at %s", async (_, entries) => {
    const store = await temporaryStore();
    await expect(writeLayer(await smallTree(entries, store), { store })).rejects.toThrow(/^Layer has/);
  });
});
