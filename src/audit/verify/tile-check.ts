/** The tree's tiles against the lines that it is of, and in place of lines that retention has deleted. */
import { AppError } from "../../shared/errors.ts";
import { createFrontier, HASH_BYTES, type Frontier } from "../tree/rfc6962.ts";
import type { TileStore } from "../tree/tile-store.ts";
import { TILE_WIDTH } from "../tree/tiles.ts";
import type { Findings } from "./verdict.ts";

/** Leaf hashes of records that retention has deleted stay in the tiles. */
export async function frontierBefore(first: number, tiles: TileStore, findings: Findings): Promise<Frontier> {
  const frontier = createFrontier();
  for (let start = 0; start < first; start += TILE_WIDTH) {
    const hashes = await orMissing(tiles.leaves(start, first), findings, start);
    if (hashes === undefined) break;
    for (let at = 0; at < hashes.length; at += HASH_BYTES)
      frontier.push(hashes.subarray(at, at + HASH_BYTES));
  }
  return frontier;
}

export async function leafBefore(first: number, tiles: TileStore): Promise<string | undefined> {
  if (first === 0) return "0".repeat(64);
  const start = Math.floor((first - 1) / TILE_WIDTH) * TILE_WIDTH;
  try {
    const hashes = await tiles.leaves(start, first);
    return Buffer.from(hashes.subarray(-HASH_BYTES)).toString("hex");
  } catch (error) {
    if (error instanceof AppError && error.code === "TILE_MISSING") return undefined;
    throw error;
  }
}

async function orMissing<T>(read: Promise<T>, findings: Findings, seq: number): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "TILE_MISSING") throw error;
    findings.add({ verdict: "MODIFIED", seq, what: error.message });
    return undefined;
  }
}

/** `size` is that of the newest tree whose tiles were written. Returns the records that are not the tree's. */
export async function compareWithTiles(
  leaves: readonly { readonly seq: number; readonly leaf: Uint8Array }[],
  {
    tiles,
    findings,
    size,
  }: { readonly tiles: TileStore; readonly findings: Findings; readonly size: number },
): Promise<ReadonlySet<number>> {
  const others = new Set<number>();
  let start = -1;
  let hashes: Uint8Array | undefined;
  for (const { seq, leaf } of leaves) {
    if (seq >= size) continue;
    const first = Math.floor(seq / TILE_WIDTH) * TILE_WIDTH;
    if (first !== start) {
      start = first;
      hashes = await orMissing(tiles.leaves(first, size), findings, first);
    }
    const at = (seq - first) * HASH_BYTES;
    if (hashes === undefined || Buffer.compare(hashes.subarray(at, at + HASH_BYTES), leaf) === 0) continue;
    others.add(seq);
    findings.add({ verdict: "MODIFIED", seq, what: "its line is not the one that the tree has" });
  }
  return others;
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
