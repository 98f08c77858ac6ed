import { chown, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createLogService } from "../../../src/audit/control/log-service.ts";
import { answerControl } from "../../../src/audit/control/server.ts";
import { pseudonym } from "../../../src/audit/pseudonym.ts";
import { sha256 } from "../../../src/audit/payload.ts";
import { ANNA, converse, filesWith, maintenanceOf } from "../../audit/maintain/people.ts";
import { readRecords } from "../../audit/write/read-back.ts";
import { openScratchLog } from "../../audit/write/scratch-log.ts";
import { auditFolder, runLog } from "./run-log.ts";

const PEPPER = Buffer.from("ab".repeat(32), "hex");
const SECRET = "where do I find a doctor";
const NAME = "anna@example.org";

describe("log purge", () => {
  test("shows what would go, and changes not a byte", async () => {
    const { root, log } = await closedLog();
    const before = await digests(log);
    const { printed, data } = await runLog(root, ["purge", "--user", NAME, "--reason", "case 12"]);
    expect(printed).toContain("2 texts of 1 request,");
    expect(printed).toContain("nothing was changed yet: --yes does it");
    expect(data).toMatchObject({ plan: { payloads: 2 } });
    expect(await digests(log)).toEqual(before);
  });

  test("does it where nobody writes the log, by the id that the UI knows, and says by whom", async () => {
    const { root, at } = await closedLog();
    const words = ["purge", "--user", NAME, "--reason", "case 12", "--ticket", "T-1", "--yes"];
    const { printed } = await runLog(root, words);
    expect(printed).toMatch(/done: ordered by record \d+, completed by record \d+/);
    const records = await readRecords(at.log);
    expect(records.find(({ type }) => type === "purge")).toMatchObject({
      selector: { by: "user", user: pseudonym(PEPPER, "user", NAME) },
      reason: "case 12",
      ticket: "T-1",
      by: "tester",
    });
    const { log } = await openScratchLog(at);
    expect(await filesWith(log, SECRET)).toEqual([]);
    await log.close();
  });

  test("asks the writer where one is at work", async () => {
    const at = await auditFolder();
    const { log, server } = await openScratchLog(at);
    answerControl(server, createLogService(log, maintenanceOf(log)), () => undefined);
    await converse(log, { user: ANNA }, { prompt: SECRET, reply: "ask" });
    await runLog(at.root, ["purge", "--user", ANNA, "--reason", "case 12", "--by", "dpo", "--yes"]);
    expect(await filesWith(log, SECRET)).toEqual([]);
    expect((await readRecords(at.log)).filter(({ type }) => type === "open")).toHaveLength(2);
    await log.close();
  });

  test.each([
    ["no selection", ["--reason", "r"], "USAGE"],
    ["no reason", ["--user", ANNA], "USAGE"],
    ["two selections", ["--user", ANNA, "--seq", "1", "--reason", "r"], "SELECTOR_INVALID"],
    ["no number", ["--seq", "1-x", "--reason", "r"], "SELECTOR_INVALID"],
    ["no date", ["--before", "yesterday", "--reason", "r"], "SELECTOR_INVALID"],
    ["a day that is none", ["--before", "2026-13-41", "--reason", "r"], "SELECTOR_INVALID"],
    ["an id without the pepper", ["--user", NAME, "--pepper", "nowhere", "--reason", "r"], "PEPPER_MISSING"],
  ])("refuses %s", async (_, words, code) => {
    const { root } = await closedLog();
    await expect(runLog(root, ["purge", ...words])).rejects.toMatchObject({ code });
  });

  test("says where it looked for a log", async () => {
    const { root } = await auditFolder();
    await expect(runLog(root, ["purge", "--user", ANNA, "--reason", "r"])).rejects.toMatchObject({
      code: "LOG_UNKNOWN",
      fields: { path: join(root, "audit/log") },
    });
  });
});

test.runIf(process.getuid?.() === 0)("root leaves every file to the folder's owner", async () => {
  const { root, at } = await closedLog();
  for (const path of [
    at.log,
    ...(await readdir(at.log, { recursive: true })).map((name) => join(at.log, name)),
    at.keys,
  ])
    await chown(path, 10002, 10001);
  await runLog(root, ["purge", "--user", NAME, "--reason", "r", "--yes"]);
  expect(process.geteuid?.()).toBe(0);
  const owners = await Promise.all(
    (await readdir(at.log, { recursive: true })).map(async (name) => (await stat(join(at.log, name))).uid),
  );
  expect(new Set(owners)).toEqual(new Set([10002]));
});

test("log hold sets, lists and releases", async () => {
  const { root } = await closedLog();
  expect((await runLog(root, ["hold"])).printed).toBe("no hold is set");
  const set = await runLog(root, ["hold", "case-7", "--user", NAME, "--reason", "litigation"]);
  expect(set.printed).toMatch(/^hold "case-7" set, by record \d+$/);
  expect((await runLog(root, ["hold"])).printed).toContain("case-7: user ");
  const purge = ["purge", "--user", NAME, "--reason", "r"];
  const { printed } = await runLog(root, purge);
  expect(printed).toContain(
    'held by "case-7": 2 texts\nnothing was changed, and nothing can be while it is held',
  );
  await expect(runLog(root, [...purge, "--yes"])).rejects.toMatchObject({ code: "HELD", exitCode: 5 });
  await runLog(root, ["hold", "case-7", "--release", "--reason", "settled"]);
  expect((await runLog(root, [...purge, "--yes"])).printed).toContain("done:");
});

describe("log retain", () => {
  test("says what is asked of high-risk deployers where a policy is shorter", async () => {
    const { root, log } = await closedLog();
    const before = await digests(log);
    const short = await runLog(root, ["retain", "--content", "30", "--ledger", "90", "--dry-run"]);
    expect(short.printed).toContain("Article 26(6)");
    expect(short.printed).toContain("0 texts over, 0 bytes");
    const long = await runLog(root, ["retain", "--content", "183", "--ledger", "366", "--dry-run"]);
    expect(long.printed).not.toContain("Article 26(6)");
    expect(await digests(log)).toEqual(before);
  });

  test("of the session removes the text of sessions that are over", async () => {
    const { root, at } = await closedLog();
    const { printed } = await runLog(root, ["retain", "--content", "session", "--ledger", "90"]);
    expect(printed).toContain("done:");
    const { log } = await openScratchLog(at);
    expect(await filesWith(log, SECRET)).toEqual([]);
    await log.close();
  });

  test.each([
    ["half a policy", ["--content", "30"], "USAGE"],
    ["text that outlives its ledger", ["--content", "90", "--ledger", "30"], "RETENTION_INVALID"],
    ["no days", ["--content", "0", "--ledger", "30"], "RETENTION_INVALID"],
    ["a ledger for the session", ["--content", "session", "--ledger", "session"], "RETENTION_INVALID"],
    ["no policy where the log names none", ["--dry-run"], "RETENTION_UNKNOWN"],
  ])("refuses %s", async (_, words, code) => {
    const { root } = await closedLog();
    await expect(runLog(root, ["retain", ...words])).rejects.toMatchObject({ code });
  });
});

test("log rotate seals the segment, and with --key lets the next key be vouched for", async () => {
  const { root, at } = await closedLog();
  expect((await runLog(root, ["rotate"])).printed).toMatch(/^sealed: \d{4}-\d{2}-\d{2}\.\d{3}$/);
  const { data } = await runLog(root, ["rotate", "--key"]);
  const records = await readRecords(at.log);
  expect(data).toEqual({ key: records.find((record) => record.type === "key")?.key });
  expect((await runLog(root, ["verify"])).printed).toMatch(/^OK/);
});

/** Closed in order: nobody writes it. */
async function closedLog() {
  const at = await auditFolder();
  const { log } = await openScratchLog(at);
  await converse(log, { user: pseudonym(PEPPER, "user", NAME) }, { prompt: SECRET, reply: "ask" });
  await log.rotate("verb");
  await converse(log, { user: ANNA }, { prompt: "another", reply: "one" });
  await log.close();
  return { at, root: at.root, log: at.log };
}

async function digests(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(path, sha256(await readFile(path)));
  }
  return found;
}
