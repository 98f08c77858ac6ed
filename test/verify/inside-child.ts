/** What the bundle does in a companion, from the sources. */
import { readFile } from "node:fs/promises";
import { parseInsidePlan, PLAN_PATH } from "../../src/verify/inside/plan.ts";
import { runInside } from "../../src/verify/inside/run.ts";

process.stdout.write(
  `${JSON.stringify(await runInside(parseInsidePlan(await readFile(PLAN_PATH, "utf8"))))}\n`,
);
