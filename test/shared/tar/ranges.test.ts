import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createRangeReader } from "../../../src/shared/tar/ranges.ts";

const folder = await mkdtemp(join(tmpdir(), "cloister-ranges-"));
afterAll(() => rm(folder, { recursive: true }));

/** No two of its stretches are alike, and it is larger than what is read at once. */
const BYTES = Buffer.from(Uint32Array.from({ length: 700_001 }, (_, index) => index).buffer);
const FILE = join(folder, "one");
const OTHER = join(folder, "other");
await writeFile(FILE, BYTES);
await writeFile(OTHER, BYTES.toReversed());

const KIB = 1024;

describe("a range reader", () => {
  test.each([
    [
      "ranges side by side",
      [
        [0, 100],
        [100, 3000],
        [3100, 1],
      ],
    ],
    [
      "one that begins in what was read and ends after it",
      [
        [0, 10],
        [64 * KIB - 5, 10],
      ],
    ],
    [
      "one that begins before what was read",
      [
        [5000, 10],
        [4000, 1500],
      ],
    ],
    [
      "one of exactly what is read at once, and the next byte",
      [
        [0, 64 * KIB],
        [64 * KIB, 1],
      ],
    ],
    [
      "a large one between small ones",
      [
        [7, 9],
        [20, 2 * KIB * KIB + 3],
        [2 * KIB * KIB + 23, 50],
      ],
    ],
    [
      "the end of the file, from within and again",
      [
        [BYTES.length - 20, 20],
        [BYTES.length - 1, 1],
        [0, 4],
      ],
    ],
    [
      "an empty one",
      [
        [0, 10],
        [5, 0],
        [BYTES.length, 0],
      ],
    ],
  ] satisfies readonly (readonly [string, readonly (readonly [number, number])[]])[])(
    "gives the bytes of %s, of two files in turn",
    async (_, asked) => {
      const ranges = createRangeReader();
      const readAll = async (path: string, offset: number, sizeBytes: number) =>
        Buffer.concat(await Array.fromAsync(ranges.read(path, { offset, sizeBytes })));
      try {
        for (const [offset, sizeBytes] of asked) {
          const end = offset + sizeBytes;
          expect(BYTES.subarray(offset, end).equals(await readAll(FILE, offset, sizeBytes))).toBe(true);
          const other = Buffer.from(BYTES.toReversed()).subarray(offset, end);
          expect(other.equals(await readAll(OTHER, offset, sizeBytes))).toBe(true);
        }
      } finally {
        await ranges.close();
      }
    },
  );

  test("refuses a range that goes beyond the end of its file, also where its beginning was read before", async () => {
    const ranges = createRangeReader();
    try {
      const offset = BYTES.length - 10;
      await Array.fromAsync(ranges.read(FILE, { offset, sizeBytes: 10 }));
      await expect(Array.fromAsync(ranges.read(FILE, { offset, sizeBytes: 11 }))).rejects.toThrow(
        "ends at byte",
      );
    } finally {
      await ranges.close();
    }
  });
});
