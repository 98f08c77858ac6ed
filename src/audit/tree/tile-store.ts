import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { readAtOnce, syncPath, writeFileWhole } from "../../shared/file.ts";
import { HASH_BYTES, nodeHash, type ReadHash } from "./rfc6962.ts";
import { hashesAt, newTiles, TILE_HEIGHT, TILE_WIDTH, tilePath, type Tile } from "./tiles.ts";

export type TileStore = {
  /**
   * Writes the tiles that a tree of `fromSize` gains with these leaves, durably. What lies there of another width goes: narrower tiles,
   * and those of a growth that a crash cut short. The same call writes the same bytes again. `fromSize` must be one that was written
   * before.
   */
  grow(fromSize: number, leaves: readonly Uint8Array[]): Promise<void>;
  /** Hashes of a tree of this size. */
  reader(size: number): ReadHash;
  /** The leaf hashes [first, first + 256) as far as the tree has them; `first` a multiple of 256. */
  leaves(first: number, size: number): Promise<Uint8Array>;
};

const ATTEMPTS = 5;

/** `folder` is where `tile/` lies. Its reading throws AppError TILE_MISSING (integrity). */
export function openTileStore(folder: string): TileStore {
  async function read(tile: Tile): Promise<Uint8Array> {
    // A log that grows meanwhile may replace, between our listing and our reading, the tile that was listed.
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const bytes = await readOnce(folder, tile);
      if (bytes !== undefined) return bytes;
    }
    throw missing(tile);
  }

  return {
    grow: async (fromSize, leaves) => {
      const size = fromSize + leaves.length;
      // Hashes that this growth made, of the level below: what the next level's tiles are made of.
      let fresh: { readonly first: number; readonly hashes: readonly Uint8Array[] } = {
        first: fromSize,
        hashes: leaves,
      };
      for (const level of levelsOf(size)) {
        for (const tile of newTiles(fromSize, size).filter((one) => one.level === level)) {
          const first = tile.number * TILE_WIDTH;
          const old = Math.max(0, Math.min(fresh.first - first, tile.width));
          const known = old === 0 ? [] : [await read({ ...tile, width: old })];
          const added = fresh.hashes.slice(
            Math.max(0, first - fresh.first),
            first + tile.width - fresh.first,
          );
          await writeTile(folder, tile, Buffer.concat([...known, ...added]));
        }
        fresh = await nextLevel({ level, fromSize, size }, fresh, read);
      }
    },
    reader: (size) => {
      const cache = new Map<string, Uint8Array>();
      return async (height, index) => await readHash({ height, index, size }, read, cache);
    },
    leaves: async (first, size) =>
      await read({ level: 0, number: first / TILE_WIDTH, width: Math.min(TILE_WIDTH, size - first) }),
  };
}

/** A wider tile of the same number begins with the same hashes; once it was written this one may be gone. */
async function readOnce(folder: string, tile: Tile): Promise<Uint8Array | undefined> {
  for (const path of await pathsOf(folder, tile)) {
    const bytes = await readIfThere(path);
    if (bytes !== undefined && bytes.length >= tile.width * HASH_BYTES)
      return bytes.subarray(0, tile.width * HASH_BYTES);
  }
  return undefined;
}

function levelsOf(size: number): readonly number[] {
  const levels: number[] = [];
  for (let level = 0; hashesAt(level, size) > 0; level += 1) levels.push(level);
  return levels;
}

/** Roots of the tiles of `level` that became full, which are the new hashes one level up. */
async function nextLevel(
  { level, fromSize, size }: { readonly level: number; readonly fromSize: number; readonly size: number },
  fresh: { readonly first: number; readonly hashes: readonly Uint8Array[] },
  read: (tile: Tile) => Promise<Uint8Array>,
) {
  const first = hashesAt(level + 1, fromSize);
  const hashes: Uint8Array[] = [];
  for (let number = first; number < hashesAt(level + 1, size); number += 1) {
    const from = number * TILE_WIDTH - fresh.first;
    const whole =
      from >= 0
        ? fresh.hashes.slice(from, from + TILE_WIDTH)
        : split(await read({ level, number, width: TILE_WIDTH }));
    hashes.push(rootOf(whole));
  }
  return { first, hashes };
}

/** A subtree within one tile: of height `height` over all, so of `height % 8` within the tile at level `height / 8`. */
async function readHash(
  { height, index, size }: { readonly height: number; readonly index: number; readonly size: number },
  read: (tile: Tile) => Promise<Uint8Array>,
  cache: Map<string, Uint8Array>,
): Promise<Uint8Array> {
  const level = Math.floor(height / TILE_HEIGHT);
  const count = 2 ** (height - level * TILE_HEIGHT);
  const first = index * count;
  const number = Math.floor(first / TILE_WIDTH);
  const width = Math.min(TILE_WIDTH, hashesAt(level, size) - number * TILE_WIDTH);
  const key = `${level}/${number}`;
  const tile = cache.get(key) ?? (await read({ level, number, width }));
  cache.set(key, tile);
  const from = (first - number * TILE_WIDTH) * HASH_BYTES;
  return rootOf(split(tile.subarray(from, from + count * HASH_BYTES)));
}

/** Of a power of two of hashes. */
function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) row = pairs(row).map(([left, right]) => nodeHash(left, right));
  const [root] = row;
  if (root === undefined) throw new Error("A subtree without hashes");
  return root;
}

function pairs(row: readonly Uint8Array[]): readonly (readonly [Uint8Array, Uint8Array])[] {
  const result: (readonly [Uint8Array, Uint8Array])[] = [];
  for (let index = 0; index < row.length; index += 2) {
    const [left, right] = [row[index], row[index + 1]];
    if (left === undefined || right === undefined) throw new Error("Not a power of two of hashes");
    result.push([left, right]);
  }
  return result;
}

function split(bytes: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, index) =>
    bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
}

async function writeTile(folder: string, tile: Tile, bytes: Uint8Array): Promise<void> {
  const path = join(folder, tilePath(tile));
  await makeFolder(dirname(path));
  await writeFileWhole(path, [bytes], 0o600);
  await syncPath(dirname(path));
  await removeOtherWidths(folder, tile);
}

/** Durable with all the folders above that it had to make. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const outermost = resolve(first).length;
  for (let made = resolve(path); made.length >= outermost; made = dirname(made))
    await syncPath(dirname(made));
}

async function removeOtherWidths(folder: string, tile: Tile): Promise<void> {
  const partials = partialFolder(folder, tile);
  if (tile.width === TILE_WIDTH) {
    await rm(partials, { recursive: true, force: true });
    return;
  }
  await rm(join(folder, tilePath({ ...tile, width: TILE_WIDTH })), { force: true });
  for (const width of await widthsIn(partials))
    if (width !== tile.width) await rm(join(partials, String(width)), { force: true });
}

/** Where a tile of at least this width may lie: the full one, then partial ones, widest first. */
async function pathsOf(folder: string, tile: Tile): Promise<readonly string[]> {
  const partials = partialFolder(folder, tile);
  const widths = (await widthsIn(partials)).filter((width) => width >= tile.width).sort((a, b) => b - a);
  return [
    join(folder, tilePath({ ...tile, width: TILE_WIDTH })),
    ...widths.map((width) => join(partials, String(width))),
  ];
}

function partialFolder(folder: string, tile: Tile): string {
  return `${join(folder, tilePath({ ...tile, width: TILE_WIDTH }))}.p`;
}

async function widthsIn(folder: string): Promise<readonly number[]> {
  try {
    return (await readdir(folder)).filter((name) => /^[1-9]\d{0,2}$/.test(name)).map(Number);
  } catch (error) {
    if (isNotThere(error)) return [];
    throw error;
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readAtOnce(path);
  } catch (error) {
    if (isNotThere(error) || isErrno(error, "EISDIR")) return undefined;
    throw error;
  }
}

function isNotThere(error: unknown): boolean {
  return isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR");
}

function missing(tile: Tile): AppError {
  return new AppError(
    { class: "integrity", code: "TILE_MISSING" },
    `Cannot read tile "${tilePath(tile)}" of the log's tree: it is not there, or too short`,
    { fields: { path: tilePath(tile) } },
  );
}
