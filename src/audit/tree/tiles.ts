/**
 * Tiles as C2SP tlog-tiles has them: tile (level, number) of width up to 256 holds the roots of as many complete subtrees of height
 * 8 * level, side by side. A tile narrower than 256 is partial.
 */
export const TILE_WIDTH = 256;
export const TILE_HEIGHT = 8;

export type Tile = { readonly level: number; readonly number: number; readonly width: number };

/** Relative to where `tile/` lies: tile/0/x001/x234/067, and tile/0/x001/067.p/8 for a partial one. */
export function tilePath({ level, number, width }: Tile): string {
  const partial = width === TILE_WIDTH ? "" : `.p/${width}`;
  return `tile/${level}/${numberPath(number)}${partial}`;
}

/** Three digits an element, all but the last after an x. */
export function numberPath(number: number): string {
  const elements = [three(number % 1000)];
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000))
    elements.unshift(`x${three(rest % 1000)}`);
  return elements.join("/");
}

/** Tiles of the tree of size `newSize` that the one of size `oldSize` did not have, lowest level first. */
export function newTiles(oldSize: number, newSize: number): readonly Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; ; level += 1) {
    const [before, after] = [hashesAt(level, oldSize), hashesAt(level, newSize)];
    if (after === 0) return tiles;
    for (let number = Math.floor(before / TILE_WIDTH); number * TILE_WIDTH < after; number += 1) {
      const width = Math.min(after - number * TILE_WIDTH, TILE_WIDTH);
      const hadIt = before >= number * TILE_WIDTH + width;
      if (!hadIt) tiles.push({ level, number, width });
    }
  }
}

/** How many complete subtrees of height 8 * level a tree has. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

function three(value: number): string {
  return String(value).padStart(3, "0");
}
