/** Merkle trees as RFC 6962, section 2.1, has them, with SHA-256. Sizes and indices are counted in leaves. */
import { hash as digest } from "node:crypto";

/**
 * Hash of the complete subtree over the leaves [index * 2^level, (index + 1) * 2^level). Only asked for subtrees within the tree.
 */
export type ReadHash = (level: number, index: number) => Promise<Uint8Array> | Uint8Array;

export const HASH_BYTES = 32;

const LEAF_PREFIX = Buffer.from([0]);
const NODE_PREFIX = Buffer.from([1]);

export function leafHash(entry: Uint8Array): Buffer {
  return digest("sha256", Buffer.concat([LEAF_PREFIX, entry]), "buffer");
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return digest("sha256", Buffer.concat([NODE_PREFIX, left, right]), "buffer");
}

/** Root of the tree without leaves. */
export function emptyRoot(): Buffer {
  return digest("sha256", "", "buffer");
}

/** A tree that only grows: the roots of its complete subtrees, largest first. */
export type Frontier = {
  size(): number;
  push(leaf: Uint8Array): void;
  root(): Uint8Array;
};

/** Throws a plain Error where `subtrees` are not as many as a tree of that size has. */
export function createFrontier(startSize = 0, subtrees: readonly Uint8Array[] = []): Frontier {
  if (subtrees.length !== bitCount(startSize))
    throw new Error(`A tree of size ${startSize} has other subtrees`);
  const hashes = [...subtrees];
  let size = startSize;
  return {
    size: () => size,
    push: (leaf) => {
      let hash = leaf;
      for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
        const left = hashes.pop();
        if (left === undefined) throw new Error("A subtree is missing");
        hash = nodeHash(left, hash);
      }
      hashes.push(hash);
      size += 1;
    },
    root: () =>
      hashes.reduceRight<Uint8Array | undefined>(
        (right, left) => (right === undefined ? left : nodeHash(left, right)),
        undefined,
      ) ?? emptyRoot(),
  };
}

/** The frontier of a tree whose hashes can be read. */
export async function readFrontier(size: number, read: ReadHash): Promise<Frontier> {
  const subtrees: Uint8Array[] = [];
  let start = 0;
  for (const width of subtreeWidths(size)) {
    subtrees.push(await read(Math.log2(width), start / width));
    start += width;
  }
  return createFrontier(size, subtrees);
}

export async function readRoot(size: number, read: ReadHash): Promise<Uint8Array> {
  return size === 0 ? emptyRoot() : await rangeHash(0, size, read);
}

/** Section 2.1.1. Throws RangeError where there is no such leaf. */
export async function proveInclusion(
  index: number,
  size: number,
  read: ReadHash,
): Promise<readonly Uint8Array[]> {
  if (!(index >= 0 && index < size)) throw new RangeError(`A tree of size ${size} has no leaf ${index}`);
  const proof: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      proof.unshift(await rangeHash(middle, end, read));
      end = middle;
    } else {
      proof.unshift(await rangeHash(start, middle, read));
      start = middle;
    }
  }
  return proof;
}

/** Section 2.1.2. Throws RangeError where the old tree is not smaller than or as large as the new one, or empty. */
export async function proveConsistency(
  oldSize: number,
  newSize: number,
  read: ReadHash,
): Promise<readonly Uint8Array[]> {
  if (!(oldSize >= 1 && oldSize <= newSize))
    throw new RangeError(`No tree of size ${newSize} grows out of one of size ${oldSize}`);
  const proof: Uint8Array[] = [];
  let [start, end] = [0, newSize];
  while (oldSize < end) {
    const middle = start + largestPowerBelow(end - start);
    if (oldSize <= middle) {
      proof.unshift(await rangeHash(middle, end, read));
      end = middle;
    } else {
      proof.unshift(await rangeHash(start, middle, read));
      start = middle;
    }
  }
  // What remains is the last complete subtree of the old tree; where that is the whole old tree, its root is known already.
  if (start > 0) proof.unshift(await rangeHash(start, end, read));
  return proof;
}

/** RFC 9162, section 2.1.3.2. */
export function verifyInclusion(
  leaf: { readonly hash: Uint8Array; readonly index: number },
  tree: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (!(leaf.index >= 0 && leaf.index < tree.size)) return false;
  let [fn, sn] = [leaf.index, tree.size - 1];
  let hash = leaf.hash;
  for (const one of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(one, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      hash = nodeHash(hash, one);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equal(hash, tree.root);
}

/** RFC 9162, section 2.1.4.2. The empty tree is consistent with every other. */
export function verifyConsistency(
  old: { readonly size: number; readonly root: Uint8Array },
  fresh: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (old.size > fresh.size) return false;
  if (old.size === 0) return proof.length === 0;
  if (old.size === fresh.size) return proof.length === 0 && equal(old.root, fresh.root);
  const path = isPowerOfTwo(old.size) ? [old.root, ...proof] : [...proof];
  let [fn, sn] = [old.size - 1, fresh.size - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  const first = path.shift();
  if (first === undefined) return false;
  let [fr, sr] = [first, first];
  for (const one of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(one, fr);
      sr = nodeHash(one, sr);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(sr, one);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equal(fr, old.root) && equal(sr, fresh.root);
}

/** Of the leaves [start, end): a complete subtree, or one and what stands right of it. */
async function rangeHash(start: number, end: number, read: ReadHash): Promise<Uint8Array> {
  const width = end - start;
  if (isPowerOfTwo(width)) return await read(Math.log2(width), start / width);
  const middle = start + largestPowerBelow(width);
  return nodeHash(await rangeHash(start, middle, read), await rangeHash(middle, end, read));
}

/** Widths of the complete subtrees of a tree, largest first: the bits of its size. */
function subtreeWidths(size: number): readonly number[] {
  const widths: number[] = [];
  for (let rest = size, width = 1; rest > 0; rest = half(rest), width *= 2)
    if (rest % 2 === 1) widths.unshift(width);
  return widths;
}

function largestPowerBelow(width: number): number {
  let power = 1;
  while (power * 2 < width) power *= 2;
  return power;
}

function isPowerOfTwo(value: number): boolean {
  return bitCount(value) === 1;
}

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = half(rest)) count += rest % 2;
  return count;
}

/** Sizes may be above 2^31, where bit operators are wrong. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
