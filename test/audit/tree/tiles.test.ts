import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashesAt, newTiles, numberPath, tilePath } from "../../../src/audit/tree/tiles.ts";

describe("tilePath", () => {
  test.each([
    [{ level: 0, number: 1_234_067, width: 256 }, "tile/0/x001/x234/067"],
    [{ level: 3, number: 1_234_067, width: 8 }, "tile/3/x001/x234/067.p/8"],
    [{ level: 0, number: 0, width: 1 }, "tile/0/000.p/1"],
    [{ level: 63, number: 999, width: 255 }, "tile/63/999.p/255"],
    [{ level: 0, number: 1000, width: 256 }, "tile/0/x001/000"],
  ])("of %j is %s", (tile, path) => {
    expect(tilePath(tile)).toBe(path);
  });

  test("says the number again when it is read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (number) => {
        const path = numberPath(number);
        expect(path).toMatch(/^(x\d{3}\/)*\d{3}$/);
        expect(Number(path.replaceAll(/[x/]/g, ""))).toBe(number);
      }),
    );
  });
});

describe("newTiles", () => {
  test("of 70,000 leaves are those that the specification counts", () => {
    const tiles = newTiles(0, 70_000).map(tilePath);
    expect(tiles.length).toBe(274 + 2 + 1);
    expect(tiles.filter((path) => path.startsWith("tile/0/") && !path.includes(".p/")).length).toBe(273);
    expect(tiles.filter((path) => path.includes(".p/"))).toEqual([
      "tile/0/273.p/112",
      "tile/1/001.p/17",
      "tile/2/000.p/1",
    ]);
  });

  test("of 256 leaves are a full one, and one above it", () => {
    expect(newTiles(0, 256).map(tilePath)).toEqual(["tile/0/000", "tile/1/000.p/1"]);
  });

  test("of a growth are only those that changed", () => {
    expect(newTiles(200, 300).map(tilePath)).toEqual(["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]);
    expect(newTiles(300, 300)).toEqual([]);
    expect(newTiles(256, 257).map(tilePath)).toEqual(["tile/0/001.p/1"]);
  });

  test("hold every hash of the larger tree that the smaller one did not have", () => {
    const size = fc.integer({ min: 0, max: 200_000 });
    fc.assert(
      fc.property(size, size, (a, b) => {
        const [old, fresh] = [Math.min(a, b), Math.max(a, b)];
        const tiles = newTiles(old, fresh);
        for (let level = 0; level < 3; level += 1) {
          const ends = tiles.filter((one) => one.level === level).map((one) => one.number * 256 + one.width);
          const last = hashesAt(level, fresh);
          expect(ends.at(-1)).toBe(hashesAt(level, old) === last ? undefined : last);
          for (const end of ends.slice(0, -1)) expect(end % 256).toBe(0);
        }
      }),
    );
  });
});
