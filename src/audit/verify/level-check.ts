/** The tree's tiles against one another: each hash above the leaves is the root of a full tile below it. */
import { AppError } from "../../shared/errors.ts";
import { createFrontier, HASH_BYTES } from "../tree/rfc6962.ts";
import type { TileStore } from "../tree/tile-store.ts";
import { hashesAt, TILE_HEIGHT, TILE_WIDTH } from "../tree/tiles.ts";
import type { Findings } from "./verdict.ts";

export type LevelCheckInput = {
  readonly tiles: TileStore;
  readonly findings: Findings;
  readonly size: number;
  /** Numbers of tiles of leaves that are known to be wrong: what stands above those cannot be told from them. */
  readonly damaged: ReadonlySet<number>;
};

export async function compareLevels({ tiles, findings, size, damaged }: LevelCheckInput): Promise<void> {
  const stored = tiles.reader(size);
  /** By level: hashes of the tile that is not full yet, as they should be. */
  const rows: Uint8Array[][] = [];

  /** undefined where the tile is missing, which is said once. */
  async function compareWithAbove(row: readonly Uint8Array[], { level, index }: Place) {
    const seq = index * TILE_WIDTH ** level;
    const found = await orMissing(Promise.resolve(stored(level * TILE_HEIGHT, index)), (what) =>
      findings.add({ verdict: "MODIFIED", seq, what }),
    );
    if (found === undefined || (level === 1 && damaged.has(index))) return found;
    const root = rootOf(row);
    if (!isSameHash(found, root))
      findings.add({ verdict: "MODIFIED", seq, what: `a tile of level ${level} is not of what is below it` });
    return root;
  }

  for (let number = 0; number < hashesAt(1, size); number += 1) {
    const leaves = await orMissing(tiles.leaves(number * TILE_WIDTH, size));
    if (leaves === undefined) return;
    let row = split(leaves);
    for (let level = 1; row.length === TILE_WIDTH; level += 1) {
      const index = Math.floor(number / TILE_WIDTH ** (level - 1));
      const hash = await compareWithAbove(row, { level, index });
      if (hash === undefined) return;
      const above = rows[level] ?? [];
      above.push(hash);
      rows[level] = above.length === TILE_WIDTH ? [] : above;
      row = above;
    }
  }
}

type Place = { readonly level: number; readonly index: number };

function rootOf(row: readonly Uint8Array[]): Uint8Array {
  const frontier = createFrontier();
  for (const hash of row) frontier.push(hash);
  return frontier.root();
}

export function split(hashes: Uint8Array): Uint8Array[] {
  return Array.from({ length: hashes.length / HASH_BYTES }, (_, index) =>
    hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
}

export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** undefined where a tile is missing. */
export async function orMissing<T>(
  read: Promise<T>,
  onMissing: (what: string) => void = () => undefined,
): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "TILE_MISSING") throw error;
    onMissing(error.message);
    return undefined;
  }
}
