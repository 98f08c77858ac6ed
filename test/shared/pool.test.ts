import { expect, test } from "vitest";
import { forEachBounded } from "../../src/shared/pool.ts";

test("forEachBounded does every item, never more than the limit at once", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachBounded([...Array(20).keys()], 3, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    done.push(item);
    running -= 1;
  });
  expect(most).toBe(3);
  expect(done.sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
});

test("forEachBounded throws the first failure after those under way have ended, and starts nothing more", async () => {
  const started: number[] = [];
  let ended = 0;
  const attempt = forEachBounded([0, 1, 2, 3, 4, 5], 2, async (item) => {
    started.push(item);
    if (item === 1) throw new Error("first");
    await new Promise(setImmediate);
    ended += 1;
  });
  await expect(attempt).rejects.toThrow("first");
  expect(started).toEqual([0, 1]);
  expect(ended).toBe(1);
});
