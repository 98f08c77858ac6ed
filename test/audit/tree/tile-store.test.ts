import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  leafHash,
  proveConsistency,
  proveInclusion,
  readFrontier,
  readRoot,
} from "../../../src/audit/tree/rfc6962.ts";
import { openTileStore } from "../../../src/audit/tree/tile-store.ts";
import { naiveRoot } from "./naive-tree.ts";
import { entries, hex } from "./small-tree.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tiles-"));
});
afterEach(() => rm(folder, { recursive: true }));

const MANY = 70_000;

function hashes(count: number, text?: string): readonly Uint8Array[] {
  return entries(count, text).map(leafHash);
}

/** All files below, by path, with what is in them. */
async function files(below = folder): Promise<ReadonlyMap<string, Buffer>> {
  const found = await readdir(below, { recursive: true, withFileTypes: true });
  const paths = found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  const each = paths
    .sort()
    .map(async (path) => [path.slice(below.length + 1), await readFile(path)] as const);
  return new Map(await Promise.all(each));
}

async function rootAt(size: number): Promise<string> {
  return hex([await readRoot(size, openTileStore(folder).reader(size))]).join("");
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("seventy thousand leaves", () => {
  /** As Go's sumdb/tlog gives them for the leaves "leaf 0", "leaf 1", … */
  const ROOTS = [
    [255, "d71592a219d4067663eede247f9b54c3f9e0290682d55de09b495b07f1de41c9"],
    [256, "cf5effdb11d0927a2edf53b0e73c7837f659414e00537da5d90eb5c4c49ff274"],
    [257, "855b936aa00cb98b5114484249ad39d78a6be93623e26c01e8e487dc02184a5a"],
    [65_535, "b592480df20f0dd456e39db9cdb0a1fa85f3617ec2d30cffc52760c38776f393"],
    [65_536, "e100ba54d69a91012fc13b7890feac78d6996a097268b6f735d17311c7402a60"],
    [65_537, "689b22742cab2adeb36ba622ff2736336464858f5de4a2c02f33bf163e7dca5f"],
    [MANY, "da0532ff7b2ee56f4067110fc964e9f27b5959f9527bfff3fa501aa7584deaf3"],
  ] as const;
  const TILES = {
    "tile/0/000": "3658d44ebeb979b996b87ac966392dffbe9a628e34cb70bbff0ba844e74c31c6",
    "tile/0/273.p/112": "a8e4ee4e4f31c2fac9bb546b9b57c22f6c92e15c11adee487d09ebc926ab3ad7",
    "tile/1/000": "7b8fc3b25031a7c9b1a317c9453f6f293b414e958d0e80a765be6f00930c3984",
    "tile/1/001.p/17": "f1b11556adcce30fcd3fca6ef542ccf6a4319ab92143fb7c8f6c8f1d2e08209e",
    "tile/2/000.p/1": "d84406334bc5243eb04ecd6b99e64380d67aaa2b2880a838a123e1b539927708",
  };

  test("make the tiles, roots and proofs that Go makes of them", async () => {
    const store = openTileStore(folder);
    const leaves = hashes(MANY);
    await store.grow(0, leaves.slice(0, 65_537));
    await store.grow(65_537, leaves.slice(65_537));
    const there = await files();
    expect(there.size).toBe(277);
    for (const [path, digest] of Object.entries(TILES))
      expect(sha256(there.get(path) ?? Buffer.alloc(0)), path).toBe(digest);
    for (const [size, root] of ROOTS) expect(await rootAt(size), `${size}`).toBe(root);
    const inclusion = await proveInclusion(0, MANY, store.reader(MANY));
    expect(sha256(Buffer.concat(inclusion))).toBe(
      "119f1969e136e78eafed9986050b74338703378d2a3cc8fe848d12a17630d928",
    );
    const consistency = await proveConsistency(65_537, MANY, store.reader(MANY));
    expect(sha256(Buffer.concat(consistency))).toBe(
      "d7411b23266e76602e2272915734cc66a73376e72d4d2e84d60fbee2d1d8fea5",
    );
    expect(hex([await store.leaves(69_888, MANY)])).toEqual([
      Buffer.concat(leaves.slice(69_888)).toString("hex"),
    ]);
  });
});

test("growing in any steps writes the same files, and every root on the way is that of the definition", async () => {
  const steps = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(steps, async (widths) => {
      const at = await mkdtemp(join(folder, "steps-"));
      const whole = await mkdtemp(join(folder, "whole-"));
      const total = widths.reduce((sum, width) => sum + width, 0);
      const leaves = hashes(total);
      let size = 0;
      for (const width of widths) {
        const store = openTileStore(at);
        await store.grow(size, leaves.slice(size, size + width));
        size += width;
        const frontier = await readFrontier(size, store.reader(size));
        expect(Buffer.compare(frontier.root(), naiveRoot(entries(size)))).toBe(0);
      }
      await openTileStore(whole).grow(0, leaves);
      expect(await files(at)).toEqual(await files(whole));
    }),
    { numRuns: 30 },
  );
});

/** What the disk has after each of the writes and removals of a growth, from the last state back to the first. */
async function statesOf(from: number, to: number, text?: string): Promise<readonly string[]> {
  const before = join(folder, "before");
  const after = join(folder, `after-${text}`);
  await openTileStore(before).grow(0, hashes(from));
  await cp(before, after, { recursive: true });
  await openTileStore(after).grow(from, [...hashes(from), ...hashes(to, text).slice(from)].slice(from));
  const [old, fresh] = [await files(before), await files(after)];
  const changed = [...fresh].filter(([path, bytes]) => old.get(path)?.equals(bytes) !== true);
  const states: string[] = [];
  for (let written = 0; written <= changed.length; written += 1) {
    const at = join(folder, `crash-${text}-${written}`);
    await cp(before, at, { recursive: true });
    for (const [path, bytes] of changed.slice(0, written)) {
      await mkdir(join(at, path, ".."), { recursive: true });
      await writeFile(join(at, path), bytes);
      // The temporary file of a write that did not end.
      await writeFile(join(at, `${path}.part-4711`), bytes.subarray(0, 5));
    }
    states.push(at);
  }
  return states;
}

describe("a crash while it grows", () => {
  test.each([
    [200, 220],
    [200, 300],
    [250, 256],
    [256, 600],
    [511, 1025],
  ])("from %i to %i: the tree before is whole, and the same growth ends as ever", async (from, to) => {
    for (const at of await statesOf(from, to, "leaf")) {
      const store = openTileStore(at);
      const before = await readRoot(from, store.reader(from));
      expect(Buffer.compare(before, naiveRoot(entries(from)))).toBe(0);
      await store.grow(from, hashes(to).slice(from));
      const after = await readRoot(to, store.reader(to));
      expect(Buffer.compare(after, naiveRoot(entries(to)))).toBe(0);
    }
  });

  test("records that were never acknowledged, and come out otherwise the second time, leave nothing behind", async () => {
    for (const at of await statesOf(200, 600, "lost")) {
      const store = openTileStore(at);
      let size = 200;
      for (const next of [210, 215, 255, 256, 300, 512, 599, 600, 700]) {
        await store.grow(size, hashes(next).slice(size));
        size = next;
        const root = await readRoot(size, store.reader(size));
        expect(Buffer.compare(root, naiveRoot(entries(size))), `${size}`).toBe(0);
      }
    }
  });
});

describe("what is missing or damaged", () => {
  beforeEach(async () => openTileStore(folder).grow(0, hashes(300)));

  test("a tree that was smaller is read out of the wider tiles", async () => {
    for (const size of [1, 255, 256, 257, 299])
      expect(await rootAt(size)).toBe(naiveRoot(entries(size)).toString("hex"));
  });

  test("partial tiles that a wider one replaced are gone", async () => {
    await openTileStore(folder).grow(300, hashes(512).slice(300));
    expect([...(await files()).keys()]).toEqual(["tile/0/000", "tile/0/001", "tile/1/000.p/2"]);
  });

  test("a tree that was larger is TILE_MISSING", async () => {
    await expect(rootAt(301)).rejects.toMatchObject({
      code: "TILE_MISSING",
      class: "integrity",
      fields: { path: "tile/0/001.p/45" },
    });
  });

  test.each([
    ["removed", async (path: string) => await rm(path)],
    ["one byte short", async (path: string) => await truncate(path, 256 * 32 - 1)],
    ["empty", async (path: string) => await truncate(path, 0)],
    [
      "a folder",
      async (path: string) => {
        await rm(path);
        await mkdir(path);
      },
    ],
  ])("a tile that is %s is TILE_MISSING", async (_, damage) => {
    await damage(join(folder, "tile/0/000"));
    await expect(openTileStore(folder).leaves(0, 300)).rejects.toMatchObject({ code: "TILE_MISSING" });
  });

  test("a file where a folder of partial tiles belongs is TILE_MISSING", async () => {
    await rm(join(folder, "tile/0/001.p"), { recursive: true });
    await writeFile(join(folder, "tile/0/001.p"), "");
    await expect(rootAt(300)).rejects.toMatchObject({ code: "TILE_MISSING" });
  });

  test("names in a folder of partial tiles that are no widths are passed over", async () => {
    const partials = join(folder, "tile/0/001.p");
    for (const name of ["0", "044", "9999", "44.part-1", "x"]) await writeFile(join(partials, name), "");
    expect(await rootAt(300)).toBe(naiveRoot(entries(300)).toString("hex"));
  });

  test("a flipped bit makes another root", async () => {
    const path = join(folder, "tile/0/000");
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await rootAt(255)).not.toBe(naiveRoot(entries(255)).toString("hex"));
  });
});

test("a log that grows is read all the while", async () => {
  const leaves = hashes(1_000);
  const writer = openTileStore(folder);
  await writer.grow(0, leaves.slice(0, 100));
  const progress = { size: 100, reads: 0 };
  const growing = async () => {
    for (; progress.size < leaves.length; progress.size += 1)
      await writer.grow(progress.size, leaves.slice(progress.size, progress.size + 1));
  };
  const reading = async () => {
    while (progress.size < leaves.length) {
      const size = progress.size;
      const first = size - (size % 256) - (size % 256 === 0 ? 256 : 0);
      const read = await openTileStore(folder).leaves(first, size);
      expect(Buffer.compare(read, Buffer.concat(leaves.slice(first, size)))).toBe(0);
      progress.reads += 1;
    }
  };
  await Promise.all([growing(), reading(), reading(), reading(), reading()]);
  expect(progress.reads).toBeGreaterThan(100);
});
