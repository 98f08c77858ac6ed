import {
  createFrontier,
  leafHash,
  proveConsistency,
  readRoot,
  type ReadHash,
} from "../../../src/audit/tree/rfc6962.ts";
import { naiveRoot } from "./naive-tree.ts";

export function entries(count: number, text = "leaf"): readonly Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(`${text} ${index}`));
}

export function hashAt(leaves: readonly Uint8Array[], index: number): Uint8Array {
  const leaf = leaves[index];
  if (leaf === undefined) throw new Error(`There is no leaf ${index}`);
  return leafHash(leaf);
}

/** Reads every hash straight from the leaves. */
export function readerOver(leaves: readonly Uint8Array[]): ReadHash {
  return (level, index) => naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
}

export function frontierRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const frontier = createFrontier();
  for (const leaf of leaves) frontier.push(leafHash(leaf));
  return frontier.root();
}

/** A log's tree of `size` leaves, and the way to it from an earlier size. */
export async function treeOf(
  size: number,
  { from = 0, text = "leaf" } = {},
): Promise<{ readonly root: Uint8Array; readonly proof: readonly Uint8Array[] }> {
  const read = readerOver(entries(size, text));
  return {
    root: await readRoot(size, read),
    proof: from === 0 ? [] : await proveConsistency(from, size, read),
  };
}

export function hex(hashes: readonly Uint8Array[]): readonly string[] {
  return hashes.map((hash) => Buffer.from(hash).toString("hex"));
}
