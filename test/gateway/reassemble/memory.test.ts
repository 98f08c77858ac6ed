import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";

test("a live stream costs at most twice its text, its end no copy of it, and its line in the log one", async () => {
  const child = join(import.meta.dirname, "memory-child.ts");
  const { stdout } = await execa(process.execPath, ["--expose-gc", child]);
  const measured: Readonly<Record<"streaming" | "whole" | "encoded" | "frames" | "lines", number>> =
    JSON.parse(stdout);
  expect(measured).toMatchObject({ frames: 10_000, lines: 32 });
  expect(measured.streaming).toBeGreaterThan(0.9);
  expect(measured.streaming).toBeLessThan(2);
  expect(measured.whole - measured.streaming).toBeLessThan(0.3);
  expect(measured.encoded - measured.whole).toBeLessThan(1.3);
});
