import { readFile } from "node:fs/promises";
import { PLAN_PATH, parseInsidePlan } from "../verify/inside/plan.ts";
import { runInside } from "../verify/inside/run.ts";
import type { Command } from "./command.ts";

/** Run by `verify` in a container of its own; without a summary it stands in no list. */
export const verifyInsideCommand: Command = {
  name: "verify-inside",
  side: "cloister",
  summary: "",
  usage: "",
  options: {},
  positionals: { minimum: 0, maximum: 0 },
  details: `Reads its plan from ${PLAN_PATH} and answers with one line of JSON.`,
  async run() {
    const answer = await runInside(parseInsidePlan(await readFile(PLAN_PATH, "utf8")));
    return { data: answer, text: JSON.stringify(answer) };
  },
};
