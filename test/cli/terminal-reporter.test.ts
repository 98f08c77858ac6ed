import { expect, test } from "vitest";
import { terminalReporter } from "../../src/cli/terminal-reporter.ts";

function recorder(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, columns: 60, write: (text: string) => written.push(text), all: () => written.join("") };
}

const MIB = 1 << 20;

test("terminalReporter without a terminal writes a line a step and at most one for each quarter", () => {
  const output = recorder(false);
  const reporter = terminalReporter(output, () => 0);
  reporter.step("Fetching");
  for (let done = 0; done <= 100; done += 1)
    reporter.progress({ label: "inputs", done: done * MIB, total: 100 * MIB, unit: "bytes" });
  expect(output.all().split("\n")).toEqual([
    "== Fetching",
    "   inputs: 0.0 of 100.0 MiB, 0 %",
    "   inputs: 25.0 of 100.0 MiB, 25 %",
    "   inputs: 50.0 of 100.0 MiB, 50 %",
    "   inputs: 75.0 of 100.0 MiB, 75 %",
    "   inputs: 100.0 of 100.0 MiB, 100 %",
    "",
  ]);
});

test("terminalReporter on a terminal redraws one line, not more often than every 100 ms, and always the last state", () => {
  const output = recorder(true);
  let clock = 1_000;
  const reporter = terminalReporter(output, () => clock);
  for (let done = 0; done <= 10; done += 1) {
    reporter.progress({ label: "files", done, total: 10, unit: "items" });
    clock += 30;
  }
  reporter.step("Next");
  expect(output.all()).not.toContain("files: 1 of 10");
  expect(output.all().endsWith("files: 10 of 10, 100 %\r\u001b[K== Next\n")).toBe(true);
});
