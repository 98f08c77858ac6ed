import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";

test("a live stream costs at most twice its text", async () => {
  const child = join(import.meta.dirname, "memory-child.ts");
  const { stdout } = await execa(process.execPath, ["--expose-gc", child]);
  const measured: { readonly ratio: number; readonly frames: number } = JSON.parse(stdout);
  expect(measured.frames).toBe(10_000);
  expect(measured.ratio).toBeGreaterThan(0.9);
  expect(measured.ratio).toBeLessThan(2);
});
