import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createFrontier,
  leafHash,
  proveConsistency,
  proveInclusion,
  readFrontier,
  readRoot,
  verifyConsistency,
  verifyInclusion,
} from "../../../src/audit/tree/rfc6962.ts";
import { naiveConsistency, naiveInclusion, naiveRoot } from "./naive-tree.ts";
import { entries, frontierRoot, hashAt, hex, readerOver } from "./small-tree.ts";

/** The eight leaves that implementations of Certificate Transparency test with; hashes as Go's sumdb/tlog gives them. */
const LEAVES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((leaf) => Buffer.from(leaf, "hex"));
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const INCLUSION = [
  { index: 0, size: 1, proof: [] },
  {
    index: 0,
    size: 8,
    proof: [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  },
  {
    index: 5,
    size: 8,
    proof: [
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  },
  { index: 2, size: 3, proof: ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"] },
  {
    index: 1,
    size: 5,
    proof: [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  },
  { index: 4, size: 5, proof: ["d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"] },
];
const CONSISTENCY = [
  { old: 1, size: 1, proof: [] },
  {
    old: 1,
    size: 8,
    proof: [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  },
  {
    old: 6,
    size: 8,
    proof: [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  },
  {
    old: 2,
    size: 5,
    proof: [
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  },
  {
    old: 3,
    size: 7,
    proof: [
      "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
      "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e",
    ],
  },
];

describe("known trees", () => {
  test.each(ROOTS.map((root, size) => ({ root, size })))("root of $size leaves", async ({ root, size }) => {
    const leaves = LEAVES.slice(0, size);
    expect(hex([frontierRoot(leaves)])).toEqual([root]);
    expect(hex([await readRoot(size, readerOver(leaves))])).toEqual([root]);
  });

  test.each(INCLUSION)("leaf $index of $size is proved as others do", async ({ index, size, proof }) => {
    const made = await proveInclusion(index, size, readerOver(LEAVES));
    expect(hex(made)).toEqual(proof);
  });

  test.each(CONSISTENCY)("growth from $old to $size is proved as others do", async ({ old, size, proof }) => {
    expect(hex(await proveConsistency(old, size, readerOver(LEAVES)))).toEqual(proof);
  });
});

const SIZE = fc.integer({ min: 1, max: 70 });
/** Two numbers, the first not larger than the second. */
const GROWTH = fc.tuple(SIZE, SIZE).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe("against the definition", () => {
  test("roots, read and pushed, at every size", async () => {
    for (let size = 0; size <= 130; size += 1) {
      const leaves = entries(size);
      const root = naiveRoot(leaves);
      expect(Buffer.compare(frontierRoot(leaves), root)).toBe(0);
      expect(Buffer.compare(await readRoot(size, readerOver(leaves)), root)).toBe(0);
    }
  });

  test("a frontier that is read goes on as the one that was pushed", async () => {
    await fc.assert(
      fc.asyncProperty(GROWTH, async ([old, size]) => {
        const leaves = entries(size);
        const frontier = await readFrontier(old, readerOver(leaves));
        expect(frontier.size()).toBe(old);
        for (const leaf of leaves.slice(old)) frontier.push(leafHash(leaf));
        expect(Buffer.compare(frontier.root(), naiveRoot(leaves))).toBe(0);
      }),
    );
  });

  test("proofs are those of the definition, and hold", async () => {
    await fc.assert(
      fc.asyncProperty(GROWTH, async ([old, size]) => {
        const leaves = entries(size);
        const tree = { size, root: naiveRoot(leaves) };
        const before = { size: old, root: naiveRoot(leaves.slice(0, old)) };
        const growth = await proveConsistency(old, size, readerOver(leaves));
        expect(hex(growth)).toEqual(hex(naiveConsistency(old, leaves)));
        expect(verifyConsistency(before, tree, growth)).toBe(true);
        const index = old - 1;
        const inclusion = await proveInclusion(index, size, readerOver(leaves));
        expect(hex(inclusion)).toEqual(hex(naiveInclusion(index, leaves)));
        expect(verifyInclusion({ hash: hashAt(leaves, index), index }, tree, inclusion)).toBe(true);
      }),
    );
  });
});

function mutate(proof: readonly Uint8Array[], { at, how, bit }: { at: number; how: string; bit: number }) {
  const position = proof.length === 0 ? 0 : at % proof.length;
  const one = Buffer.from(proof[position] ?? Buffer.alloc(32));
  if (how === "add" || proof.length === 0) return [...proof, Buffer.alloc(32, bit)];
  if (how === "drop") return proof.toSpliced(position, 1);
  if (how === "double") return proof.toSpliced(position, 0, one);
  one[bit >> 3] = (one[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return proof.toSpliced(position, 1, one);
}

describe("what does not hold", () => {
  /** Every way to change a list by one step. */
  const MUTATION = fc.record({
    at: fc.nat(),
    how: fc.constantFrom("flip", "drop", "double", "add" as const),
    bit: fc.nat(255),
  });

  test("a proof that was changed anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(GROWTH, MUTATION, async ([old, size], mutation) => {
        const leaves = entries(size);
        const tree = { size, root: naiveRoot(leaves) };
        const before = { size: old, root: naiveRoot(leaves.slice(0, old)) };
        const growth = await proveConsistency(old, size, readerOver(leaves));
        expect(verifyConsistency(before, tree, mutate(growth, mutation))).toBe(false);
        const leaf = { hash: hashAt(leaves, old - 1), index: old - 1 };
        const inclusion = await proveInclusion(leaf.index, size, readerOver(leaves));
        expect(verifyInclusion(leaf, tree, mutate(inclusion, mutation))).toBe(false);
      }),
    );
  });

  test("a growth out of other leaves, into other leaves, or into a smaller tree", async () => {
    await fc.assert(
      fc.asyncProperty(GROWTH, async ([old, size]) => {
        const [leaves, others] = [entries(size), entries(size, "other")];
        const tree = { size, root: naiveRoot(leaves) };
        const before = { size: old, root: naiveRoot(leaves.slice(0, old)) };
        const proof = await proveConsistency(old, size, readerOver(leaves));
        expect(verifyConsistency({ ...before, root: naiveRoot(others.slice(0, old)) }, tree, proof)).toBe(
          false,
        );
        expect(verifyConsistency(before, { ...tree, root: naiveRoot(others) }, proof)).toBe(false);
        if (old < size) expect(verifyConsistency(tree, before, proof)).toBe(false);
      }),
    );
  });

  test("a leaf at another place, or an inner hash given as a leaf", async () => {
    const leaves = entries(6);
    const tree = { size: 6, root: naiveRoot(leaves) };
    const proof = await proveInclusion(2, 6, readerOver(leaves));
    const hash = hashAt(leaves, 2);
    expect(verifyInclusion({ hash, index: 2 }, tree, proof)).toBe(true);
    for (const index of [-1, 0, 1, 3, 4, 5, 6, Number.NaN])
      expect(verifyInclusion({ hash, index }, tree, proof)).toBe(false);
    const inner = naiveRoot(leaves.slice(2, 4));
    expect(verifyInclusion({ hash: inner, index: 2 }, tree, proof.slice(1))).toBe(false);
  });

  test("a proof that is too short for the tree, whatever it hashes to", async () => {
    const [leaves, read] = [entries(2), readerOver(entries(2))];
    const root = naiveRoot(leaves);
    const proof = await proveInclusion(0, 2, read);
    const leaf = { hash: hashAt(leaves, 0), index: 0 };
    expect(verifyInclusion(leaf, { size: 2, root }, proof)).toBe(true);
    for (const size of [3, 4, 5, 1000]) expect(verifyInclusion(leaf, { size, root }, proof)).toBe(false);
    const before = { size: 1, root: hashAt(leaves, 0) };
    const growth = await proveConsistency(1, 2, read);
    expect(verifyConsistency(before, { size: 2, root }, growth)).toBe(true);
    for (const size of [3, 4, 5, 1000]) expect(verifyConsistency(before, { size, root }, growth)).toBe(false);
  });

  test("a proof that begins at the empty tree has nothing in it", async () => {
    const empty = { size: 0, root: naiveRoot([]) };
    const tree = { size: 2, root: naiveRoot(entries(2)) };
    expect(verifyConsistency(empty, tree, [])).toBe(true);
    expect(verifyConsistency(empty, tree, [Buffer.alloc(32)])).toBe(false);
  });

  test("what cannot be asked for is refused", async () => {
    const read = readerOver(entries(4));
    await expect(proveInclusion(4, 4, read)).rejects.toThrow(RangeError);
    await expect(proveInclusion(-1, 4, read)).rejects.toThrow(RangeError);
    await expect(proveConsistency(0, 4, read)).rejects.toThrow(RangeError);
    await expect(proveConsistency(5, 4, read)).rejects.toThrow(RangeError);
    expect(() => createFrontier(3, [Buffer.alloc(32)])).toThrow("size 3");
  });
});

test("sizes above 2^31 and 2^32 are counted right", async () => {
  /** The height of every subtree stands in for its hash: a tree as large as that is only there on paper. */
  const asked: string[] = [];
  const read = (level: number, index: number) => {
    asked.push(`${level}/${index}`);
    return Buffer.alloc(32, level);
  };
  const size = 2 ** 33 + 2 ** 31 + 1;
  const frontier = await readFrontier(size, read);
  expect(asked).toEqual(["33/0", "31/4", `0/${size - 1}`]);
  const leaf = Buffer.alloc(32, 9);
  frontier.push(leaf);
  const proof = await proveConsistency(size, size + 1, (level, index) =>
    level === 0 && index === size ? leaf : read(level, index),
  );
  const before = await readRoot(size, read);
  const tree = { size: size + 1, root: frontier.root() };
  expect(verifyConsistency({ size, root: before }, tree, proof)).toBe(true);
  const inclusion = await proveInclusion(size, size + 1, read);
  expect(verifyInclusion({ hash: leaf, index: size }, tree, inclusion)).toBe(true);
});
