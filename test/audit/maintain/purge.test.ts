import { cp, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";
import { compressedPath, ledgerFolder } from "../../../src/audit/layout.ts";
import { readIntent, writeIntent } from "../../../src/audit/maintain/intent.ts";
import type { PurgeRequest } from "../../../src/audit/maintain/requests.ts";
import { readWrappedKeys } from "../../../src/audit/seal.ts";
import { listSegments } from "../../../src/audit/segments.ts";
import { readPayloadLines, readRecords } from "../write/read-back.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";
import { ANNA, askedBy, BERT, CHAT, converse, filesWith, maintenanceOf, settle } from "./people.ts";

const purgeOf = (selector: PurgeRequest["selector"]): PurgeRequest => ({
  selector,
  reason: "GDPR 17, case 12",
  ticket: "T-12",
  by: "dpo",
});
const SECRET = "my name is Anna and I am ill";
const OTHER = "what is the capital of France";

describe("purge in plain mode", () => {
  test("by user leaves the text nowhere below the folder, and everything else as it was", async () => {
    const { at, log } = await plainLog();
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: `no: ${SECRET}` });
    await converse(log, { user: BERT }, { prompt: OTHER, reply: "Paris" });
    await log.rotate("verb");
    await settle(log);
    await converse(log, { user: ANNA }, { prompt: `again, ${SECRET}`, reply: "yes" });
    await converse(log, { user: BERT }, { prompt: OTHER, reply: "still Paris" });
    const before = await readRecords(at.log);
    // One file of each kind: that nothing is found below is not because of how it is looked for.
    const kinds = (await filesWith(log, SECRET)).map((path) => path.endsWith(".zst"));
    expect(new Set(kinds)).toEqual(new Set([false, true]));

    const outcome = await maintenanceOf(log).purge(purgeOf({ by: "user", user: ANNA }));

    expect(outcome.plan).toMatchObject({ payloads: 4, requests: 2, held: [] });
    expect(outcome.plan.segments).toHaveLength(2);
    expect(await filesWith(log, SECRET)).toEqual([]);
    expect(await filesWith(log, OTHER)).toHaveLength(2);
    const after = await readRecords(at.log);
    expect(after.slice(0, before.length)).toEqual(before);
    const [order] = outcome.done?.orders ?? [];
    const purge = after.find(({ type }) => type === "purge");
    expect(purge).toMatchObject({
      seq: order,
      payloads: 4,
      reason: "GDPR 17, case 12",
      ticket: "T-12",
      by: "dpo",
    });
    expect(after.find(({ type }) => type === "purged")).toMatchObject({ purge: order, payloads: 4 });
    const tombstones = (await readPayloadLines(at.log)).filter((line) => line.startsWith('{"tombstone"'));
    expect(tombstones.map((line) => JSON.parse(line).by)).toEqual([order, order, order, order]);
    expect((await readIntent(at.log)).unfinished).toBe(false);
    await log.close();
    await (await openScratchLog(at)).log.close();
  });

  test("by conversation, by number and by date takes just those", async () => {
    const { log } = await plainLog();
    await converse(log, { user: ANNA, conversation: CHAT }, { prompt: "in the chat", reply: "r1" });
    const [, second] = await converse(log, { user: ANNA }, { prompt: "beside it", reply: "by number" });
    const maintenance = maintenanceOf(log);
    await maintenance.purge(purgeOf({ by: "conversation", conversation: CHAT }));
    expect(await filesWith(log, "in the chat")).toEqual([]);
    expect(await filesWith(log, "beside it")).not.toEqual([]);
    await maintenance.purge(purgeOf({ by: "seq", first: second, last: second }));
    expect(await filesWith(log, "by number")).toEqual([]);
    expect(await filesWith(log, "beside it")).not.toEqual([]);
    await maintenance.purge(purgeOf({ by: "before", before: "2100-01-01T00:00:00.000Z" }));
    expect(await filesWith(log, "beside it")).toEqual([]);
    await log.close();
  });

  test("writes no record where nothing is meant", async () => {
    const { at, log } = await plainLog();
    const outcome = await maintenanceOf(log).purge(purgeOf({ by: "user", user: BERT }));
    expect(outcome.done).toBeUndefined();
    expect((await readRecords(at.log)).map(({ type }) => type)).toEqual(["open"]);
    await log.close();
  });

  test("more ranges than one record has room for are ordered by several", async () => {
    const { at, log } = await plainLog();
    for (let index = 0; index < 900; index += 1) {
      log.append(askedBy(`a${index}`, { user: ANNA }), text(`${SECRET} ${index}`));
      log.append(askedBy(`b${index}`, { user: BERT }), text(`${OTHER} ${index}`));
    }
    const outcome = await maintenanceOf(log).purge(purgeOf({ by: "user", user: ANNA }));
    expect(outcome.done?.orders.length).toBeGreaterThan(1);
    expect(outcome.plan.payloads).toBe(900);
    const orders = (await readRecords(at.log)).filter((record) => record.type === "purge");
    expect(orders.reduce((sum, { payloads }) => sum + payloads, 0)).toBe(900);
    expect(await filesWith(log, SECRET)).toEqual([]);
    const kept = (await readPayloadLines(at.log)).filter((line) => line.includes(OTHER));
    expect(kept).toHaveLength(900);
    await log.close();
  });

  test.each([
    ["a name in place of a pseudonym", { by: "user", user: "anna@example.org" }, "SELECTOR_INVALID"],
    ["numbers the wrong way round", { by: "seq", first: 5, last: 4 }, "SELECTOR_INVALID"],
    ["a date without a time", { by: "before", before: "2026-01-01" }, "SELECTOR_INVALID"],
  ] as const)("refuses %s", async (_, selector, code) => {
    const { log } = await plainLog();
    await expect(maintenanceOf(log).purge(purgeOf(selector))).rejects.toMatchObject({ code });
    await log.close();
  });

  test("refuses a reason that would not fit", async () => {
    const { log } = await plainLog();
    const purge = { ...purgeOf({ by: "user", user: ANNA }), reason: "x".repeat(2_000) };
    await expect(maintenanceOf(log).purge(purge)).rejects.toMatchObject({ code: "TEXT_INVALID" });
    await log.close();
  });
});

describe("a hold", () => {
  test("stands in the way of purge until it is released, and is recorded", async () => {
    const { at, log } = await plainLog();
    await converse(log, { user: ANNA, conversation: CHAT }, { prompt: SECRET, reply: "ok" });
    const maintenance = maintenanceOf(log);
    const hold = { name: "case-7", reason: "litigation", by: "counsel" };
    await maintenance.hold({
      ...hold,
      state: "set",
      selector: { by: "conversation", conversation: CHAT },
    });
    const purge = purgeOf({ by: "user", user: ANNA });
    await expect(maintenance.purge(purge)).rejects.toMatchObject({
      code: "HELD",
      fields: { holds: ["case-7"] },
    });
    expect(await filesWith(log, SECRET)).not.toEqual([]);
    await maintenance.hold({ ...hold, state: "released" });
    await maintenance.purge(purge);
    expect(await filesWith(log, SECRET)).toEqual([]);
    const holds = (await readRecords(at.log)).filter((record) => record.type === "hold");
    expect(holds.map(({ state }) => state)).toEqual(["set", "released"]);
    await log.close();
  });

  test("is not set twice, nor released where there is none", async () => {
    const { at, log } = await plainLog();
    const maintenance = maintenanceOf(log);
    const hold = { name: "case-7", reason: "litigation", by: "counsel" };
    const set = { ...hold, state: "set", selector: { by: "user", user: ANNA } } as const;
    await maintenance.hold(set);
    await expect(maintenance.hold(set)).rejects.toMatchObject({ code: "HOLD_EXISTS" });
    await expect(maintenance.hold({ ...hold, name: "x", state: "released" })).rejects.toMatchObject({
      code: "HOLD_UNKNOWN",
    });
    expect((await readIntent(at.log)).unfinished).toBe(false);
    await log.close();
  });

  test("of which only the record was written is there after the next start", async () => {
    const { at, log } = await plainLog();
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
    const selector = { by: "user", user: ANNA } as const;
    await log.append({ type: "hold", name: "h", state: "set", selector, reason: "r", by: "b" }).durable;
    await writeIntent(at.log, { unfinished: true });
    const maintenance = maintenanceOf(log);
    await maintenance.resume();
    await expect(maintenance.purge(purgeOf(selector))).rejects.toMatchObject({ code: "HELD" });
    await log.close();
  });

  test("that cannot be read lets nothing be removed", async () => {
    const { at, log } = await plainLog();
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
    await writeFile(join(at.log, "holds.json"), "{");
    await expect(maintenanceOf(log).purge(purgeOf({ by: "user", user: ANNA }))).rejects.toMatchObject({
      code: "HOLDS_UNREADABLE",
    });
    await log.close();
  });
});

describe("a purge that was cut off", () => {
  test("right after its record is finished at the next start, with the same tombstones", async () => {
    const { at, log } = await plainLog();
    const [first, last] = await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
    await converse(log, { user: BERT }, { prompt: OTHER, reply: "Paris" });
    await writeIntent(at.log, { unfinished: true });
    const { seq } = await ordered(log, [first, last]);
    const dead = await killed(at, log);
    const { log: next } = await openScratchLog(dead);
    expect(await maintenanceOf(next).resume()).toBe(1);
    expect(await filesWith(next, SECRET)).toEqual([]);
    expect(await filesWith(next, OTHER)).not.toEqual([]);
    const records = await readRecords(dead.log);
    expect(records.filter(({ type }) => type === "purged")).toMatchObject([{ purge: seq, payloads: 2 }]);
    expect(await maintenanceOf(next).resume()).toBe(0);
    await next.close();
  });

  test("while a segment was rewritten leaves no second copy", async () => {
    const { at, log } = await plainLog();
    const [first, last] = await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
    await writeIntent(at.log, { unfinished: true });
    await ordered(log, [first, last]);
    const dead = await killed(at, log);
    await writeFile(join(ledgerFolder(dead.log), "2026-01-01.000.jsonl.part-1"), SECRET);
    const { log: next } = await openScratchLog(dead);
    await maintenanceOf(next).resume();
    expect(await filesWith(next, SECRET)).toEqual([]);
    await next.close();
  });

  test("by a disk that refuses is said to be half done, and finished by the next purge", async () => {
    const { at, log } = await plainLog();
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
    const sealed = await log.rotate("verb");
    await settle(log);
    // A folder where the new copy is to be written.
    const blocked = `${compressedPath(at.log, sealed)}.part-${process.pid}`;
    await mkdir(join(blocked, "x"), { recursive: true });
    const maintenance = maintenanceOf(log);
    const purge = purgeOf({ by: "user", user: ANNA });
    await expect(maintenance.purge(purge)).rejects.toMatchObject({
      code: "MAINTENANCE_UNFINISHED",
      exitCode: 10,
    });
    expect(await filesWith(log, SECRET)).not.toEqual([]);
    await rm(blocked, { recursive: true });
    const again = await maintenance.purge(purge);
    expect(again.plan.payloads).toBe(0);
    expect(await filesWith(log, SECRET)).toEqual([]);
    await log.close();
  });
});

describe("purge of sealed text", () => {
  test("takes the key when nothing is sealed with it any more, and leaves the others", async () => {
    const { at, log } = await sealedLog();
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
    await converse(log, { user: BERT }, { prompt: OTHER, reply: "Paris" });
    const day = (await log.contentKey(ANNA)).id.slice(0, 10);
    expect(await readWrappedKeys(at.log, day)).toHaveLength(2);
    const outcome = await maintenanceOf(log, { isIdle: true }).purge(purgeOf({ by: "user", user: ANNA }));
    expect(outcome).toMatchObject({ plan: { keys: 1 }, done: { keys: 1, keysLater: 0 } });
    expect((await readWrappedKeys(at.log, day)).map(({ owner }) => owner)).toEqual([BERT]);
    expect((await readRecords(at.log)).find(({ type }) => type === "purged")).toMatchObject({ keys: 1 });
    await log.close();
  });

  test("keeps a key that a running answer may still use, and takes it days later", async () => {
    const { at, log } = await sealedLog();
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
    const key = await log.contentKey(ANNA);
    const day = key.id.slice(0, 10);
    let now = Date.now();
    const maintenance = maintenanceOf(log, { now: () => now, policy: { content: 90, ledger: 90 } });
    const outcome = await maintenance.purge(purgeOf({ by: "user", user: ANNA }));
    expect(outcome.done).toMatchObject({ keys: 0, keysLater: 1 });
    await maintenance.retain({ by: "clock" });
    expect(await readWrappedKeys(at.log, day)).toHaveLength(1);
    now += 4 * 86_400_000;
    await maintenance.retain({ by: "clock" });
    expect(await readWrappedKeys(at.log, day)).toHaveLength(0);
    await log.close();
  });

  test("of one conversation leaves the key that seals the others", async () => {
    const { at, log } = await sealedLog();
    await converse(log, { user: ANNA, conversation: CHAT }, { prompt: SECRET, reply: "ok" });
    await converse(log, { user: ANNA }, { prompt: OTHER, reply: "Paris" });
    const day = (await log.contentKey(ANNA)).id.slice(0, 10);
    const outcome = await maintenanceOf(log, { isIdle: true }).purge(
      purgeOf({ by: "conversation", conversation: CHAT }),
    );
    expect(outcome.done).toMatchObject({ keys: 0 });
    expect(await readWrappedKeys(at.log, day)).toHaveLength(1);
    await log.close();
  });
});

test("files keep their mode, and no temporary one is left", async () => {
  const { at, log } = await plainLog();
  await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ok" });
  await maintenanceOf(log).purge(purgeOf({ by: "user", user: ANNA }));
  await settle(log);
  for (const { name, compressed } of await listSegments(at.log)) {
    const { mode } = await stat(join(ledgerFolder(at.log), `${name}.jsonl${compressed ? ".zst" : ""}`));
    expect(mode & 0o777).toBe(0o600);
  }
  expect((await readdir(at.log, { recursive: true })).filter((name) => name.includes(".part-"))).toEqual([]);
  await log.close();
});

async function plainLog() {
  const at = await scratchFolder();
  return { at, ...(await openScratchLog(at)) };
}

async function sealedLog() {
  const at = await scratchFolder();
  const recipients = [await identityToRecipient(await generateX25519Identity())];
  return { at, ...(await openScratchLog(at, { content: "sealed", recipients })) };
}

type Plain = Awaited<ReturnType<typeof plainLog>>;

async function ordered(log: Plain["log"], range: readonly [number, number]) {
  const order = log.append({
    type: "purge",
    selector: { by: "user", user: ANNA },
    reason: "r",
    by: "b",
    ranges: [range],
    payloads: 2,
  });
  await order.durable;
  return order;
}

/** The folder as a process leaves it that is killed now. */
async function killed(at: Plain["at"], log: Plain["log"]) {
  const dead = await scratchFolder();
  await cp(at.log, dead.log, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  await cp(at.keys, dead.keys);
  await log.close();
  return dead;
}

function text(value: string) {
  return { bytes: Buffer.from(value), key: { id: "plain" } };
}
