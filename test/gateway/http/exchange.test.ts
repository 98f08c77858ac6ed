import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { answerOf, ask, begin, collect } from "./client.ts";
import { createHeldLog } from "./held-log.ts";
import { closeRigs, startRig, until } from "./rig.ts";
import { CHAT, DONE, frame, json, LAST_FRAME, stream } from "./upstream.ts";

afterEach(closeRigs);

const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };
const FRAMES = [frame("Hel"), ": keep-alive\n\n", frame("lo"), LAST_FRAME, DONE];

describe("an answer", () => {
  test("passes byte by byte, and its record says what it was", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    const seen = await ask(rig);
    expect(seen).toMatchObject({ status: 200, text: JSON.stringify(CHAT), isWhole: true });
    const [req] = await rig.records("req");
    const [res] = await rig.untilRecords("res", 1);
    expect(req).toMatchObject({
      id: seen.headers["x-request-id"],
      method: "POST",
      route: "chat.completions",
      who: { client: "anonymous", strength: "none" },
      genAi: { "gen_ai.operation.name": "chat", "gen_ai.request.model": "demo" },
    });
    expect(await rig.payloadOf(req?.seq ?? -1)).toBe(rig.upstream.received[0]?.body);
    const sha256 = createHash("sha256").update(seen.text).digest("hex");
    expect(res).toMatchObject({
      id: req?.id,
      req: req?.seq,
      outcome: "ok",
      status: 200,
      finish: ["stop"],
      usage: { input: 7, output: 2 },
      raw: { sha256, bytes: seen.text.length, frames: 0 },
    });
    expect(await rig.payloadOf(res?.seq ?? -1)).toBe(seen.text);
    expect(rig.answered).toEqual([expect.objectContaining({ input: 7, output: 2 })]);
    expect(rig.activity()).toEqual({ inFlight: 0, begun: 1 });
  });

  test("that is a stream keeps its frames", async () => {
    const rig = await startRig({ answer: stream(FRAMES) });
    const seen = await ask(rig, STREAM);
    expect(seen.text).toBe(FRAMES.join(""));
    expect(seen.headers).toMatchObject({ "content-type": "text/event-stream", "x-accel-buffering": "no" });
    const [res] = await rig.untilRecords("res", 1);
    expect(res).toMatchObject({ outcome: "ok", usage: { input: 7, output: 3 }, raw: { frames: 4 } });
    expect(JSON.parse((await rig.payloadOf(res?.seq ?? -1)) ?? "")).toMatchObject({
      choices: [{ message: { content: "Hello" } }],
    });
  });

  test("after a preliminary one is the answer", async () => {
    const rig = await startRig({
      answer: (response, received) => {
        response.writeProcessing();
        return json(CHAT)(response, received);
      },
    });
    expect(await ask(rig)).toMatchObject({ status: 200, text: JSON.stringify(CHAT) });
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "ok", status: 200 }]);
  });

  test("that is an error of upstream passes as it is", async () => {
    const error = { error: { code: 400, message: "too long", type: "invalid_request_error" } };
    const rig = await startRig({ answer: json(error, 400) });
    expect(await ask(rig)).toMatchObject({ status: 400, text: JSON.stringify(error) });
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "upstream_error", status: 400 }]);
  });

  test("whose stream ends without its last event is said to be so", async () => {
    const rig = await startRig({ answer: stream([frame("Hel"), frame("lo")]) });
    expect(await ask(rig, STREAM)).toMatchObject({ isWhole: true });
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "ok", faults: ["no-end"] }]);
  });

  test("of 1 MiB in many pieces without a length is whole", async () => {
    const piece = "x".repeat(65_536);
    const rig = await startRig({
      answer: (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write(`{"a":"`);
        for (let count = 0; count < 16; count += 1) response.write(piece);
        response.end(`"}`);
      },
    });
    expect((await ask(rig)).text).toBe(`{"a":"${piece.repeat(16)}"}`);
  });
});

describe("nothing leaves before it is written down", () => {
  test("a request reaches upstream only once it is on the disk", async () => {
    const held = createHeldLog();
    held.hold("req");
    const rig = await startRig({ answer: json(CHAT), log: held.log });
    const call = begin(rig);
    await until(() => held.entries.length === 1);
    await sleep(50);
    expect(rig.upstream.received).toEqual([]);
    held.release("req");
    expect((await collect(call)).status).toBe(200);
    expect(held.entries.map(({ type }) => type)).toEqual(["req", "res"]);
  });

  test.each([
    ["with a length", json(CHAT)],
    [
      "without a length",
      (response: ServerResponse) => {
        response.write(JSON.stringify(CHAT).slice(0, 20));
        setTimeout(() => response.end(JSON.stringify(CHAT).slice(20)), 20);
      },
    ],
  ])("the last byte of an answer %s waits for its record", async (_, answer) => {
    const held = createHeldLog();
    held.hold("res");
    const rig = await startRig({ answer, log: held.log });
    const call = begin(rig);
    let text = "";
    call.on("response", (message) => message.on("data", (chunk: Buffer) => (text += chunk.toString())));
    await until(() => held.entries.some(({ type }) => type === "res"));
    await sleep(50);
    expect(text.length).toBeLessThan(JSON.stringify(CHAT).length);
    held.release("res");
    await until(() => text === JSON.stringify(CHAT));
  });

  test("a stream's last event waits for its record, and the ones before do not", async () => {
    const held = createHeldLog();
    held.hold("res");
    const rig = await startRig({ answer: stream(FRAMES), log: held.log });
    const call = begin(rig, STREAM);
    let text = "";
    (await answerOf(call)).on("data", (chunk: Buffer) => (text += chunk.toString()));
    await until(() => held.entries.some(({ type }) => type === "res"));
    await sleep(50);
    expect(text).toBe(FRAMES.slice(0, -1).join(""));
    held.release("res");
    await until(() => text === FRAMES.join(""));
  });

  test("in strict mode no event leaves before its part is on the disk, and their order stays", async () => {
    const held = createHeldLog();
    held.hold("part");
    const rig = await startRig({ answer: stream(FRAMES), log: held.log, mode: "strict" });
    const call = begin(rig, STREAM);
    let text = "";
    (await answerOf(call)).on("data", (chunk: Buffer) => (text += chunk.toString()));
    await until(() => held.entries.some(({ type }) => type === "res"));
    await sleep(50);
    expect(text).toBe("");
    held.release("part");
    await until(() => text === FRAMES.join(""));
    expect(held.entries.map(({ type }) => type)).toEqual(["req", "part", "part", "res"]);
  });

  test("in async mode nothing waits", async () => {
    const held = createHeldLog();
    held.hold("req");
    held.hold("res");
    const rig = await startRig({ answer: stream(FRAMES), log: held.log, mode: "async" });
    expect(await ask(rig, STREAM)).toMatchObject({ text: FRAMES.join(""), isWhole: true });
  });
});
