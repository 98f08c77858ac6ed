import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { digestOf } from "../../../src/shared/digest.ts";
import { openStore } from "../../../src/shared/store/store.ts";

const folder = await mkdtemp(join(tmpdir(), "cloister-store-"));
afterAll(() => rm(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => Buffer.from(text);
const blobOf = (text: string) => ({ digest: digestOf(text), sizeBytes: bytes(text).length });
const freshStore = async () => openStore(await mkdtemp(join(folder, "store-")));
const partialOf = async (root: string) => readdir(join(root, "partial"));

async function* breaking(): AsyncGenerator<Uint8Array> {
  yield bytes("half");
  await Promise.reject(new Error("line cut"));
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(source)).toString();
}

describe("the store", () => {
  test("keeps a blob under its digest and gives it back", async () => {
    const store = await freshStore();
    const blob = await store.add([bytes("one "), bytes("two")]);
    expect(blob).toEqual(blobOf("one two"));
    expect(await store.has(blob.digest)).toBe(true);
    expect(await textOf(store.read(blob.digest))).toBe("one two");
    expect(await store.has(digestOf("other"))).toBe(false);
  });

  test.each([
    ["longer than expected", "SIZE_MISMATCH", { ...blobOf("content"), sizeBytes: 3 }],
    ["shorter than expected", "SIZE_MISMATCH", { ...blobOf("content"), sizeBytes: 30 }],
    ["other bytes of the same length", "DIGEST_MISMATCH", blobOf("CONTENT")],
  ])("refuses a blob that is %s with %s and keeps nothing", async (_, code, expected) => {
    const store = await freshStore();
    await expect(store.put([bytes("content")], expected)).rejects.toMatchObject({ code, exitCode: 3 });
    expect(await store.has(expected.digest)).toBe(false);
    expect(await partialOf(store.root)).toEqual([]);
  });

  test("keeps nothing of a source that breaks off", async () => {
    const store = await freshStore();
    await expect(store.add(breaking())).rejects.toThrow("line cut");
    expect(await partialOf(store.root)).toEqual([]);
  });

  test("notices at the end of reading that a blob was damaged on disk", async () => {
    const store = await freshStore();
    const { digest } = await store.add([bytes("content")]);
    await writeFile(store.pathOf(digest), "c0ntent");
    await expect(textOf(store.read(digest))).rejects.toMatchObject({ code: "STORE_DAMAGED", exitCode: 3 });
  });

  test("verifies a blob where it lies, and notices that it was damaged on disk", async () => {
    const store = await freshStore();
    const { digest } = await store.add([bytes("content")]);
    await store.verify(digest);
    await writeFile(store.pathOf(digest), "c0ntent");
    await expect(store.verify(digest)).rejects.toMatchObject({ code: "STORE_DAMAGED", exitCode: 3 });
  });

  test.each([
    ["nothing", []],
    ["small chunks that fill more than a block", Array.from({ length: 3000 }, (_, index) => 500 + index)],
    ["chunks of a block, one less and one more", [1 << 20, (1 << 20) - 1, 1, 7, (1 << 20) + 1]],
    ["a small chunk, a very large one and none at all", [3, 3 << 20, 0, 5]],
  ])("keeps every byte in order of %s", async (_, sizes) => {
    const store = await freshStore();
    const chunks = sizes.map((size, index) => Buffer.alloc(size, `chunk ${index} `));
    const whole = Buffer.concat(chunks);
    const blob = await store.add(chunks);
    expect(blob).toEqual({ digest: digestOf(whole), sizeBytes: whole.length });
    expect(digestOf(await readFile(store.pathOf(blob.digest)))).toBe(blob.digest);
  });

  test("takes the same blob from many writers at once", async () => {
    const store = await freshStore();
    const other = await openStore(store.root);
    const writers = Array.from({ length: 20 }, async (_, index) =>
      (index % 2 === 0 ? store : other).add([bytes("same")]),
    );
    expect(new Set((await Promise.all(writers)).map(({ digest }) => digest)).size).toBe(1);
    expect(await partialOf(store.root)).toEqual([]);
  });

  test("remembers derived values by kind and key, and forgets what is not whole JSON", async () => {
    const store = await freshStore();
    const key = digestOf("key");
    expect(await store.recall("tree", key)).toBeUndefined();
    await store.remember("tree", key, { a: 1 });
    expect(await store.recall("tree", key)).toEqual({ a: 1 });
    expect(await store.recall("other", key)).toBeUndefined();
    await writeFile(join(store.root, "derived/tree", key.slice(7)), '{"a":');
    expect(await store.recall("tree", key)).toBeUndefined();
  });
});
