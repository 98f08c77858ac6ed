import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { openScratchLog } from "../write/scratch-log.ts";
import { passingFolder } from "./mixed-log.ts";

const PROGRAM = join(import.meta.dirname, "../../../src/audit/verify/main.ts");
const RECORDS = 100_000;

test("a segment of a hundred thousand records is verified in a heap that has no room for a few hundred bytes of each", async () => {
  const at = await passingFolder();
  const { log } = await openScratchLog(at);
  for (let index = 1; index < RECORDS; index += 1) {
    const { durable } = log.append({ type: "heartbeat" });
    if (index % 2_000 === 0) await durable;
  }
  await log.close();
  const { stdout } = await execa(process.execPath, ["--max-old-space-size=32", PROGRAM, at.log, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "OK", records: RECORDS + 2 });
});
