import { describe, expect, test } from "vitest";
import { readIntent, writeIntent } from "../../../src/audit/maintain/intent.ts";
import type { RetentionPolicy } from "../../../src/audit/record.ts";
import { listSegments } from "../../../src/audit/segments.ts";
import { readPayloadLines, readRecords } from "../write/read-back.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";
import { ANNA, askedBy, BERT, converse, filesWith, maintenanceOf, settle } from "./people.ts";
import { answer } from "../write/entries.ts";

const DAY_MS = 86_400_000;
const START = Date.parse("2026-01-01T12:00:00Z");

describe("retention", () => {
  test("removes text after its days and ledger lines after theirs, as a prefix", async () => {
    const { log, at, clock, maintenance } = await logOf(5);
    clock.day = 9.5;
    const policy = { content: 7, ledger: 8 };
    const outcome = await maintenance.retain({ policy, by: "clock" });
    await settle(log);
    // Day 0 is over by ledger and text, days 1 and 2 by text alone.
    expect(outcome.plan.segments).toEqual(["2026-01-01.000"]);
    expect(outcome.plan).toMatchObject({ payloads: 4, held: [] });
    const kept = ["text of day 3", "text of day 4"];
    for (let day = 0; day < 5; day += 1) {
      const left = await filesWith(log, `text of day ${day}`);
      expect([day, left.length > 0]).toEqual([day, kept.includes(`text of day ${day}`)]);
    }
    const records = await readRecords(at.log);
    expect(records[0]?.seq).toBe(outcome.plan.minimum);
    expect(records.find(({ type }) => type === "retain")).toMatchObject({
      policy,
      segments: ["2026-01-01.000"],
      minimum: outcome.plan.minimum,
      payloads: 4,
    });
    expect(records.find(({ type }) => type === "retained")).toMatchObject({ payloads: 4, segments: 1 });
    await log.close();
    await (await openScratchLog(at)).log.close();
  });

  test("writes nothing where nothing is over", async () => {
    const { log, at, clock, maintenance } = await logOf(2);
    const policy = { content: 30, ledger: 90 };
    clock.day = 3;
    await maintenance.retain({ policy, by: "clock" });
    expect((await readRecords(at.log)).map(({ type }) => type)).not.toContain("retain");
    await log.close();
  });

  test("does it once: a second run finds nothing", async () => {
    const { log, clock, maintenance } = await logOf(3);
    clock.day = 100;
    const request = { policy: { content: 30, ledger: 300 }, by: "clock" };
    expect((await maintenance.retain(request)).plan.payloads).toBe(6);
    expect((await maintenance.retain(request)).plan.payloads).toBe(0);
    expect((await maintenance.retain(request)).done).toBeUndefined();
    await log.close();
  });

  test("comes back for what was not over yet, to the moment", async () => {
    const { log, clock, maintenance } = await logOf(0);
    await converse(log, { user: ANNA }, { prompt: "in the morning", reply: "one" });
    clock.day = 0.4;
    await converse(log, { user: ANNA }, { prompt: "in the evening", reply: "two" });
    clock.day = 1;
    await log.append({ type: "heartbeat" }).durable;
    const request = { policy: { content: 30, ledger: 300 }, by: "clock" };
    for (const [day, left] of [
      [30.1, 1],
      [30.2, 1],
      [30.5, 0],
    ] as const) {
      clock.day = day;
      await maintenance.retain(request);
      expect(await filesWith(log, "in the morning")).toEqual([]);
      expect([day, (await filesWith(log, "in the evening")).length]).toEqual([day, left]);
    }
    await log.close();
  });

  test("leaves what a hold covers, and every segment from there on", async () => {
    const { log, clock, maintenance } = await logOf(4);
    await maintenance.hold({
      name: "case",
      state: "set",
      selector: { by: "seq", first: 0, last: (await firstOf(log.folder, "2026-01-03")) - 1 },
      reason: "r",
      by: "b",
    });
    clock.day = 200;
    const outcome = await maintenance.retain({
      policy: { content: 30, ledger: 90 },
      by: "clock",
    });
    expect(outcome.plan.segments).toEqual([]);
    expect(outcome.plan.held).toEqual([{ name: "case", payloads: 4 }]);
    expect(outcome.plan.payloads).toBe(4);
    expect(await filesWith(log, "text of day 1")).not.toEqual([]);
    expect(await filesWith(log, "text of day 2")).toEqual([]);
    await log.close();
  });

  test("a hold by user covers the answer in a later segment as well", async () => {
    const { log, clock, maintenance } = await logOf(0);
    const asked = log.append(askedBy("x", { user: ANNA }), plain("the question"));
    await log.rotate("verb");
    await log.append(answer("x", asked.seq), plain("the answer")).durable;
    const selector = { by: "user", user: ANNA } as const;
    await maintenance.hold({ name: "case", state: "set", selector, reason: "r", by: "b" });
    clock.day = 200;
    await maintenance.retain({ policy: { content: 30, ledger: 400 }, by: "clock" });
    expect(await filesWith(log, "the question")).not.toEqual([]);
    expect(await filesWith(log, "the answer")).not.toEqual([]);
    await log.close();
  });

  test("an answer goes with the request whose ledger line goes", async () => {
    const { log, clock, maintenance } = await logOf(0);
    const asked = log.append(askedBy("x", { user: ANNA }), plain("the question"));
    await asked.durable;
    clock.day = 10;
    await log.append({ type: "heartbeat" }).durable;
    clock.day = 10.4;
    await log.append(answer("x", asked.seq), plain("the answer")).durable;
    await converse(log, { user: BERT }, { prompt: "another", reply: "one" });
    await log.rotate("verb");
    clock.day = 106.2;
    const policy = { content: 96, ledger: 96 };
    const outcome = await maintenance.retain({ policy, by: "clock" });
    expect(outcome.plan.segments).toEqual(["2026-01-01.000"]);
    expect(await filesWith(log, "the answer")).toEqual([]);
    expect(await filesWith(log, "another")).not.toEqual([]);
    await log.close();
  });

  test("for the session keeps what this one brought, and nothing of those before", async () => {
    const at = await scratchFolder();
    const content = "session";
    const policy: RetentionPolicy = { content, ledger: 90 };
    const first = await openScratchLog(at, { content });
    await converse(first.log, { user: ANNA }, { prompt: "old", reply: "older" });
    await first.log.rotate("verb");
    await maintenanceOf(first.log).retain({ policy, by: "clock" });
    expect((await readPayloadLines(at.log)).filter((line) => line.includes("aes-256-gcm"))).toHaveLength(2);
    await first.log.close();
    const { log } = await openScratchLog(at, { content });
    await converse(log, { user: ANNA }, { prompt: "new", reply: "newer" });
    await maintenanceOf(log).retain({ policy, by: "clock" });
    await settle(log);
    const kinds = (await readPayloadLines(at.log)).map((line) => line.slice(2, 11));
    expect(kinds).toEqual(["tombstone", "tombstone", 'payload":', 'payload":']);
    await log.close();
  });

  test("that was cut off after its record deletes what the record names at the next start", async () => {
    const { log, at, maintenance } = await logOf(3);
    const [oldest] = await listSegments(at.log);
    const minimum = await firstOf(at.log, "2026-01-02");
    await writeIntent(at.log, { unfinished: true });
    await log.append({
      type: "retain",
      policy: { content: 1, ledger: 1 },
      by: "b",
      ranges: [],
      payloads: 0,
      segments: [oldest?.name ?? ""],
      minimum,
    }).durable;
    expect(await maintenance.resume()).toBe(1);
    await settle(log);
    const records = await readRecords(at.log);
    expect(records[0]?.seq).toBe(minimum);
    expect(records.filter(({ type }) => type === "retained")).toMatchObject([{ segments: 1 }]);
    expect((await readIntent(at.log)).unfinished).toBe(false);
    await log.close();
  });

  test("is refused without a policy, and where text would outlive its ledger line", async () => {
    const { log, maintenance } = await logOf(0);
    const request = { by: "clock" };
    await expect(maintenance.retain(request)).rejects.toMatchObject({ code: "RETENTION_UNKNOWN" });
    await expect(
      maintenance.retain({ ...request, policy: { content: 90, ledger: 30 } }),
    ).rejects.toMatchObject({ code: "RETENTION_INVALID" });
    await log.close();
  });
});

/** One segment a day, each with a conversation in it; the clock then stands on the last day. */
async function logOf(days: number) {
  const at = await scratchFolder();
  const clock = { day: 0 };
  const now = (): number => START + clock.day * DAY_MS;
  const { log } = await openScratchLog(at, {}, { now });
  for (; clock.day < days; clock.day += 1) {
    const words = `text of day ${clock.day}`;
    await converse(log, { user: ANNA }, { prompt: words, reply: `answer to ${words}` });
  }
  await settle(log);
  return { at, log, clock, maintenance: maintenanceOf(log, { now }) };
}

async function firstOf(log: string, day: string): Promise<number> {
  const records = await readRecords(log);
  return records.find((record) => record.type === "open" && record.segment.startsWith(day))?.seq ?? -1;
}

function plain(value: string) {
  return { bytes: Buffer.from(value), key: { id: "plain" } };
}
