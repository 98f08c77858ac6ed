/** Adds up vitest's JSON reports. What did not run did not pass: a skipped test and a missing report count as failed. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

type Report = {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numTotalTests: number;
  readonly numFailedTestSuites: number;
};

const [folder = "", ...projects] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const project of projects) {
  const report = await readReport(join(folder, `${project}.json`));
  passed += report.numPassedTests;
  failed += Math.max(report.numTotalTests - report.numPassedTests, report.success ? 0 : 1);
  if (report.numPassedTests === 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed\n`);

async function readReport(path: string): Promise<Report> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    process.stderr.write(`No report at ${path}: ${String(error)}\n`);
    return { success: false, numPassedTests: 0, numTotalTests: 0, numFailedTestSuites: 1 };
  }
}
