import { rm } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { askWriter } from "../../../src/audit/control/client.ts";
import { createLogService, type LogService } from "../../../src/audit/control/log-service.ts";
import { answerControl } from "../../../src/audit/control/server.ts";
import { ANNA, converse, filesWith, maintenanceOf } from "../maintain/people.ts";
import { readRecords } from "../write/read-back.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";

describe("a verb that asks the writer", () => {
  test("gets what it would get by itself", async () => {
    const { log, at, service } = await served();
    await converse(log, { user: ANNA }, { prompt: "some text", reply: "ok" });
    expect(await service.status()).toMatchObject({ nextSeq: 3, durableSeq: 2 });
    const selector = { by: "user", user: ANNA } as const;
    const hold = { name: "h", reason: "r", by: "b" };
    await service.hold({ ...hold, state: "set", selector });
    const purge = { selector, reason: "r", by: "b" };
    await expect(service.purge(purge)).rejects.toMatchObject({
      code: "HELD",
      class: "preflight",
      exitCode: 5,
      fields: { holds: ["h"] },
    });
    await service.hold({ ...hold, state: "released" });
    expect(await service.purge(purge)).toMatchObject({ plan: { payloads: 2 }, done: { keys: 0 } });
    expect(await filesWith(log, "some text")).toEqual([]);
    const policy = { content: 30, ledger: 30 };
    expect(await service.retain({ policy, by: "b" })).toMatchObject({ plan: { payloads: 0 } });
    const { segment } = log.status();
    expect(await service.rotate()).toBe(segment);
    expect(await service.renewSigningKey()).toMatch(/^cloister-log\//);
    await service.checkpoint();
    await service.access({ verb: "log tail", by: "b", detail: "all" });
    const types = (await readRecords(at.log)).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["purge", "purged", "key", "access"]));
    await log.close();
  });

  test("is told that nobody writes: no folder, no socket, one that a dead process left", async () => {
    const { log, at } = await served();
    await log.close();
    expect(await askWriter(at.log)).toBeUndefined();
    expect(await askWriter(join(at.log, "nothing"))).toBeUndefined();
  });

  test("is told why nothing is written any more", async () => {
    const { log, at, service } = await served();
    await rm(join(at.log, "ledger"), { recursive: true });
    await log.append({ type: "heartbeat" }).durable.catch(() => undefined);
    expect((await service.status()).closed).toContain("Cannot write the audit log");
    await expect(service.rotate()).rejects.toMatchObject({ code: "LOG_UNWRITABLE", exitCode: 6 });
    await log.close().catch(() => undefined);
  });
});

describe("the writer's socket refuses", () => {
  test.each([
    ["a path that nothing answers", "POST", "/shutdown", "{}"],
    ["another method", "GET", "/purge", ""],
    ["broken JSON", "POST", "/purge", "{"],
    ["a field too much", "POST", "/rotate", '{"now":true}'],
    [
      "a selector by name",
      "POST",
      "/purge",
      '{"selector":{"by":"user","user":"Anna"},"reason":"r","by":"b"}',
    ],
    ["a body without end", "POST", "/purge", " ".repeat(100_000)],
  ])("%s", async (...[, method, path, body]) => {
    const { log, at } = await served();
    const { status, text } = await ask({ socketPath: join(at.log, "writer.sock"), method, path }, body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "CONTROL_INVALID" } });
    expect((await readRecords(at.log)).map(({ type }) => type)).toEqual(["open"]);
    await log.close();
  });
});

async function served() {
  const at = await scratchFolder();
  const { log, server } = await openScratchLog(at);
  answerControl(server, createLogService(log, maintenanceOf(log)), () => undefined);
  const service: LogService | undefined = await askWriter(at.log);
  if (service === undefined) throw new Error("Nobody answers");
  return { at, log, service };
}

async function ask(options: object, body: string): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const asked = request(options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
