import { spawn } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { readRecords } from "../write/read-back.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";
import { ANNA, BERT, converse, filesWith, maintenanceOf, settle } from "./people.ts";

const SECRET = "the text of Anna";
const OTHER = "the text of Bert";
const ROUNDS = 8;
const SEGMENTS = 4;

test(
  "a purge that is killed anywhere is finished at the next start, and the log verifies",
  { timeout: 120_000 },
  async () => {
    const model = await filled();
    const whole = await duration(model);
    const ends = { before: 0, between: 0, after: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      const at = await copyOf(model);
      await killedAfter(at, (whole * (round + 1)) / ROUNDS);
      const { log } = await openScratchLog(at);
      const resumed = await maintenanceOf(log).resume();
      await settle(log);
      const types = (await readRecords(at.log)).map(({ type }) => type);
      const ordered = types.filter((type) => type === "purge").length;
      const completed = types.filter((type) => type === "purged").length;
      // What was ordered is done; what was not yet ordered has not happened at all.
      expect([round, completed]).toEqual([round, ordered]);
      expect((await filesWith(log, SECRET)).length > 0).toBe(ordered === 0);
      expect(await filesWith(log, OTHER)).toHaveLength(SEGMENTS);
      await log.close();
      expect(await verifyLog(at.log)).toMatchObject({ verdict: ordered === 0 ? "OK" : "PURGED" });
      ends[resumed > 0 ? "between" : ordered === 0 ? "before" : "after"] += 1;
    }
    // Some of the kills must have hit what this is about.
    expect(ends.before + ends.between).toBeGreaterThan(0);
  },
);

test("a purge beside a writer loses nothing of what others write meanwhile", async () => {
  const at = await scratchFolder();
  const { log } = await openScratchLog(at);
  for (let index = 0; index < 20; index += 1)
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: SECRET });
  const state = { isOver: false };
  const writing = (async () => {
    let count = 0;
    for (; !state.isOver; count += 1)
      await converse(log, { user: BERT }, { prompt: `${OTHER} ${count}`, reply: "ok" });
    return count;
  })();
  await maintenanceOf(log).purge({ selector: { by: "user", user: ANNA }, reason: "r", by: "b" });
  state.isOver = true;
  const written = await writing;
  expect(await filesWith(log, SECRET)).toEqual([]);
  for (let count = 0; count < written; count += 1)
    expect((await filesWith(log, `${OTHER} ${count}"`)).length).toBe(1);
  await log.close();
  expect(await verifyLog(at.log)).toMatchObject({ verdict: "PURGED", purged: 40 });
});

async function filled() {
  const at = await scratchFolder();
  const { log } = await openScratchLog(at);
  for (let segment = 0; segment < SEGMENTS; segment += 1) {
    await converse(log, { user: ANNA }, { prompt: `${SECRET} ${"x".repeat(200_000)}`, reply: SECRET });
    await converse(log, { user: BERT }, { prompt: OTHER, reply: "ok" });
    if (segment < SEGMENTS - 1) await log.rotate("verb");
  }
  await settle(log);
  await log.close();
  return at;
}

type At = Awaited<ReturnType<typeof scratchFolder>>;

async function copyOf(model: At): Promise<At> {
  const at = await scratchFolder();
  await cp(model.log, at.log, { recursive: true });
  await cp(model.keys, at.keys);
  return at;
}

/** From when it is ready to its end, in milliseconds. */
async function duration(model: At): Promise<number> {
  const at = await copyOf(model);
  const { ready, exited } = start(at);
  await ready;
  const began = performance.now();
  expect(await exited).toBe(0);
  return performance.now() - began;
}

async function killedAfter(at: At, ms: number): Promise<void> {
  const { child, ready, exited } = start(at);
  await ready;
  await sleep(ms);
  child.kill("SIGKILL");
  await exited;
}

function start(at: At) {
  const program = join(import.meta.dirname, "purge-child.ts");
  const child = spawn(process.execPath, [program, at.log, at.keys], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("It ended before it was ready")));
  });
  return { child, ready, exited };
}
