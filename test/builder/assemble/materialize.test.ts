import { chmod, lstat, mkdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { materialize } from "../../../src/builder/assemble/materialize.ts";
import type { Tree } from "../../../src/builder/assemble/tree.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { temporaryFolder, temporaryStore } from "../temporary.ts";
import { EPOCH } from "./small-root.ts";

let store: Store;
let folder: string;
beforeEach(async () => {
  store = await temporaryStore();
  folder = join(await temporaryFolder(), "root");
});

/** Who is not root cannot empty it otherwise. */
afterEach(() => chmod(join(folder, "d"), 0o755).catch(() => undefined));

const COMMON = { uid: 0, gid: 0, mtime: EPOCH };

/** Files as ranges of one blob of 3 MB, larger than what is read at a time. */
async function sample(): Promise<Tree> {
  const { digest: blob } = await store.add([Buffer.alloc(3 << 20, "abc")]);
  const file = (path: string, offset: number, sizeBytes: number) =>
    ({
      ...COMMON,
      kind: "file",
      path: parseRelativePath(path),
      mode: 0o4755,
      content: { blob, offset, sizeBytes },
    }) as const;
  return [
    { ...COMMON, kind: "directory", path: parseRelativePath("d"), mode: 0o1555 },
    file("d/across", 1_000_000, 1_500_000),
    file("d/again", 1_000_000, 1_500_000),
    file("d/empty", 3 << 20, 0),
    {
      ...COMMON,
      kind: "hardlink",
      path: parseRelativePath("d/hard"),
      mode: 0o4755,
      target: parseRelativePath("d/across"),
    },
    file("d/small", 3, 6),
    { ...COMMON, kind: "symlink", path: parseRelativePath("d/sym"), mode: 0o777, target: "/etc/passwd" },
  ];
}

describe("materialize", () => {
  test("writes contents, links, dates and modes without setuid", async () => {
    await materialize(await sample(), folder, { store });
    expect(await readFile(join(folder, "d/small"), "utf8")).toBe("abcabc");
    expect(await readFile(join(folder, "d/empty"))).toHaveLength(0);
    const across = await readFile(join(folder, "d/across"));
    expect(across.equals(Buffer.alloc(3 << 20, "abc").subarray(1_000_000, 2_500_000))).toBe(true);
    expect((await readFile(join(folder, "d/again"))).equals(across)).toBe(true);
    expect((await stat(join(folder, "d/hard"))).ino).toBe((await stat(join(folder, "d/across"))).ino);
    expect(await readlink(join(folder, "d/sym"))).toBe("/etc/passwd");
    const modes = await Promise.all(
      ["d", "d/small"].map(async (path) => (await lstat(join(folder, path))).mode & 0o7777),
    );
    expect(modes).toEqual([0o1555, 0o755]);
    const dates = await Promise.all(
      ["d", "d/small"].map(async (path) => (await lstat(join(folder, path))).mtimeMs),
    );
    expect(dates).toEqual([EPOCH * 1000, EPOCH * 1000]);
  });

  test("refuses a blob that is damaged in the store", async () => {
    const tree = await sample();
    const [file] = tree.filter((node) => node.kind === "file");
    if (file?.kind !== "file") throw new Error("No file");
    await writeFile(store.pathOf(file.content.blob), Buffer.alloc(3 << 20, "abd"));
    await expect(materialize(tree, folder, { store })).rejects.toMatchObject({
      class: "integrity",
      code: "STORE_DAMAGED",
    });
  });

  test("refuses a tree in which a path leads through a link, and a folder that is there", async () => {
    const link = {
      ...COMMON,
      kind: "symlink",
      path: parseRelativePath("d"),
      mode: 0o777,
      target: "/",
    } as const;
    const below = { ...COMMON, kind: "directory", path: parseRelativePath("d/e"), mode: 0o755 } as const;
    await expect(materialize([link, below], folder, { store })).rejects.toThrow("stands before its folder");
    await mkdir(folder);
    await expect(materialize([], folder, { store })).rejects.toMatchObject({ code: "EEXIST" });
  });

  test("refuses a content that goes beyond its blob", async () => {
    const { digest: blob } = await store.add([Buffer.from("short")]);
    const content = { blob, offset: 2, sizeBytes: 10 };
    const file = { ...COMMON, kind: "file", path: parseRelativePath("f"), mode: 0o644, content } as const;
    await expect(materialize([file], folder, { store })).rejects.toThrow("goes beyond its blob");
  });
});
