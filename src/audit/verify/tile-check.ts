/** The tree's tiles against the lines that it is of, and in place of lines that retention has deleted. */
import { NO_PREVIOUS } from "../record.ts";
import { HASH_BYTES } from "../tree/rfc6962.ts";
import type { TileStore } from "../tree/tile-store.ts";
import { TILE_WIDTH } from "../tree/tiles.ts";
import { compareLevels, isSameHash, orMissing, split } from "./level-check.ts";
import type { Findings } from "./verdict.ts";

export type TileCheck = {
  /** Leaf hashes of records that retention has deleted stay in the tiles. */
  leavesBefore(first: number, onLeaf: (leaf: Uint8Array) => void): Promise<void>;
  /** Hash of the last of them, which the first record that is kept names. */
  lastBefore(first: number): Promise<string | undefined>;
  /** Returns the records that are not the tree's. */
  compare(leaves: readonly PlacedLeaf[]): Promise<ReadonlySet<number>>;
  /** Once, at the end: what stands above the leaves, which proofs are made of. */
  compareLevels(): Promise<void>;
};

export type PlacedLeaf = { readonly seq: number; readonly leaf: Uint8Array };

/** `size` is that of the newest tree whose tiles were written. */
export function createTileCheck({
  tiles,
  findings,
  size,
}: {
  readonly tiles: TileStore;
  readonly findings: Findings;
  readonly size: number;
}): TileCheck {
  /** Numbers of tiles of leaves that were found to be others: what stands above them is not of them. */
  const damaged = new Set<number>();

  async function leavesOrMissing(first: number, of: number): Promise<Uint8Array | undefined> {
    const number = first / TILE_WIDTH;
    const hashes = await orMissing(tiles.leaves(first, of), (what) => {
      // It may be asked for again.
      if (!damaged.has(number)) findings.add({ verdict: "MODIFIED", seq: first, what });
    });
    if (hashes === undefined) damaged.add(number);
    return hashes;
  }

  return {
    leavesBefore: async (first, onLeaf) => {
      for (let start = 0; start < first; start += TILE_WIDTH) {
        const hashes = await leavesOrMissing(start, first);
        if (hashes === undefined) break;
        split(hashes).forEach(onLeaf);
      }
    },
    lastBefore: async (first) => {
      if (first === 0) return NO_PREVIOUS;
      const start = Math.floor((first - 1) / TILE_WIDTH) * TILE_WIDTH;
      const hashes = await orMissing(tiles.leaves(start, first));
      return hashes === undefined ? undefined : Buffer.from(hashes.subarray(-HASH_BYTES)).toString("hex");
    },
    compare: async (leaves) => {
      const others = new Set<number>();
      let start = -1;
      let hashes: Uint8Array | undefined;
      for (const { seq, leaf } of leaves) {
        if (seq >= size) continue;
        const first = Math.floor(seq / TILE_WIDTH) * TILE_WIDTH;
        if (first !== start) {
          start = first;
          hashes = await leavesOrMissing(first, size);
        }
        const at = (seq - first) * HASH_BYTES;
        if (hashes === undefined || isSameHash(hashes.subarray(at, at + HASH_BYTES), leaf)) continue;
        others.add(seq);
        damaged.add(first / TILE_WIDTH);
        findings.add({ verdict: "MODIFIED", seq, what: "its line is not the one that the tree has" });
      }
      return others;
    },
    compareLevels: async () => await compareLevels({ tiles, findings, size, damaged }),
  };
}

/** Where the tree says of neither that it was changed, it is the one before: its hash is not what the next one took of it. */
export function judgeBreaks(
  breaks: readonly number[],
  others: ReadonlySet<number>,
  findings: Findings,
): void {
  for (const seq of breaks)
    if (!others.has(seq) && !others.has(seq - 1))
      findings.add({
        verdict: "MODIFIED",
        seq: Math.max(0, seq - 1),
        what: `record ${seq} names another one before it`,
      });
}
