import { createHash } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { answerOf, ask, begin, closed, collect, errorOf } from "./client.ts";
import { createHeldLog } from "./held-log.ts";
import { closeRigs, startRig, until } from "./rig.ts";
import {
  CHAT,
  DONE,
  drained,
  endless,
  frame,
  json,
  LAST_FRAME,
  startUpstream,
  stream,
  type Answer,
} from "./upstream.ts";

afterEach(closeRigs);

const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };
const FRAMES = [frame("Hel"), ": keep-alive\n\n", frame("lo"), LAST_FRAME, DONE];
const UNAVAILABLE = { type: "server_error", code: "audit_unavailable" };

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
    expect(rig.gateway.activity()).toEqual({ inFlight: 0, begun: 1 });
  });

  test("that is a stream keeps its frames and their pace", async () => {
    const rig = await startRig({ answer: stream(FRAMES, 30) });
    const seen = await ask(rig, STREAM);
    expect(seen.text).toBe(FRAMES.join(""));
    expect(seen.chunks).toEqual(FRAMES);
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

describe("a log that fails", () => {
  test("before the request is on the disk: 503, and upstream is not asked", async () => {
    const held = createHeldLog();
    held.hold("req");
    const rig = await startRig({ answer: json(CHAT), log: held.log });
    const call = begin(rig);
    await until(() => held.entries.length === 1);
    held.breakHeld("req");
    const seen = await collect(call);
    expect(seen).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(errorOf(seen)).toMatchObject(UNAVAILABLE);
    expect(errorOf(await ask(rig))).toMatchObject(UNAVAILABLE);
    expect(rig.upstream.received).toEqual([]);
    expect(rig.gateway.activity().inFlight).toBe(0);
  });

  test("once upstream has answered in one piece: 503 in place of the answer", async () => {
    const held = createHeldLog();
    held.hold("res");
    const rig = await startRig({ answer: json(CHAT), log: held.log });
    const call = begin(rig);
    await until(() => held.entries.length === 2);
    held.breakHeld("res");
    const seen = await collect(call);
    expect(seen.status).toBe(503);
    expect(errorOf(seen)).toMatchObject(UNAVAILABLE);
    expect(seen.text).not.toContain("Hello");
  });

  test.each(["request", "strict"] as const)(
    "in the middle of a stream, in %s mode: the stream is cut, and upstream as well",
    async (mode) => {
      const held = createHeldLog();
      const big = frame("x".repeat(20_000));
      const rig = await startRig({ answer: endless(big), log: held.log, mode });
      const call = begin(rig, STREAM);
      const answer = await answerOf(call);
      await once(answer, "data");
      answer.on("data", () => undefined).on("error", () => undefined);
      held.breakAll();
      await closed(answer);
      expect(answer.complete).toBe(false);
      await until(() => rig.upstream.cut() === 1 && rig.gateway.activity().inFlight === 0);
    },
  );

  test("at a stream's own record: its last event never leaves", async () => {
    const held = createHeldLog();
    held.hold("res");
    const rig = await startRig({ answer: stream(FRAMES), log: held.log });
    const call = begin(rig, STREAM);
    const seen = collect(call);
    await until(() => held.entries.some(({ type }) => type === "res"));
    held.breakHeld("res");
    expect(await seen).toMatchObject({ text: FRAMES.slice(0, -1).join(""), isWhole: false });
  });

  test("while it is slow, upstream is not read further", async () => {
    const held = createHeldLog();
    let written = 0;
    const rig = await startRig({
      answer: endless(frame("x".repeat(20_000)), { onWritten: (bytes) => (written = bytes) }),
      log: held.log,
    });
    held.pending(1 << 30);
    held.hold("part");
    const call = begin(rig, STREAM);
    (await answerOf(call)).on("data", () => undefined).on("error", () => undefined);
    await until(() => held.entries.some(({ type }) => type === "part"));
    await sleep(200);
    const before = written;
    await sleep(100);
    expect(written).toBe(before);
    held.pending(0);
    held.release("part");
    await until(() => written > before + (4 << 20));
    call.destroy();
  });
});

describe("an answer that does not come to its end", () => {
  test("because its client left: upstream is cut, and what came is kept", async () => {
    const rig = await startRig({ answer: stream(Array(200).fill(frame("so ")), 10) });
    const call = begin(rig, STREAM);
    const answer = await answerOf(call);
    await once(answer, "data");
    call.destroy();
    const [res] = await rig.untilRecords("res", 1);
    expect(res).toMatchObject({ outcome: "client_abort", status: 200 });
    expect(res?.usage).toBeUndefined();
    expect(await rig.payloadOf(res?.seq ?? -1)).toContain("so ");
    await until(() => rig.upstream.cut() === 1 && rig.gateway.activity().inFlight === 0);
    expect(rig.answered).toEqual([undefined]);
  });

  test("because its client left before it began", async () => {
    const rig = await startRig({ answer: () => undefined });
    const call = begin(rig).on("error", () => undefined);
    await until(() => rig.upstream.received.length === 1);
    call.destroy();
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "client_abort", status: 0 }]);
    await until(() => rig.upstream.cut() === 1);
  });

  test("because its client left while its request was being written down: upstream is not asked", async () => {
    const held = createHeldLog();
    held.hold("req");
    const rig = await startRig({ answer: json(CHAT), log: held.log });
    const call = begin(rig).on("error", () => undefined);
    await until(() => held.entries.length === 1);
    call.destroy();
    await sleep(50);
    held.release("req");
    await until(() => held.entries.some((one) => one.type === "res" && one.outcome === "client_abort"));
    await sleep(50);
    expect(rig.upstream.received).toEqual([]);
  });

  test("because upstream is gone in mid-stream: the client sees that it is cut", async () => {
    const rig = await startRig({
      answer: stream([frame("Hel"), frame("lo")], 20, (response) => response.destroy()),
    });
    const seen = await ask(rig, STREAM);
    expect(seen).toMatchObject({ status: 200, text: frame("Hel") + frame("lo"), isWhole: false });
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "upstream_gone", status: 200 }]);
  });

  test("because upstream is gone before it answers, or in the middle of a JSON answer: 502", async () => {
    let count = 0;
    const rig = await startRig({
      answer: (response) => {
        count += 1;
        if (count === 1) return void response.destroy();
        response.writeHead(200, { "content-type": "application/json", "content-length": 100 });
        response.flushHeaders();
        setTimeout(() => response.destroy(), 20);
      },
    });
    for (const _ of [1, 2]) {
      const seen = await ask(rig);
      expect(seen.status).toBe(502);
      expect(errorOf(seen)).toMatchObject({ type: "server_error", code: "model_unavailable" });
    }
    const gone = { outcome: "upstream_gone", status: 502 };
    expect(await rig.untilRecords("res", 2)).toMatchObject([gone, gone]);
  });

  test("because nobody listens: 502, and the next request works once somebody does", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    expect((await ask(rig)).status).toBe(200);
    await rig.upstream.stop();
    for (const _ of [1, 2]) expect((await ask(rig)).status).toBe(502);
    const gone = { outcome: "upstream_gone", status: 502 };
    expect(await rig.untilRecords("res", 3)).toMatchObject([{ outcome: "ok" }, gone, gone]);
    const again = await startUpstream(json(CHAT), rig.upstream.socketPath);
    expect(await ask(rig)).toMatchObject({ status: 200, text: JSON.stringify(CHAT) });
    expect(rig.gateway.activity()).toEqual({ inFlight: 0, begun: 4 });
    await again.stop();
  });

  test("because the gateway ends: each is cut with a record, and nothing new begins", async () => {
    const rig = await startRig({ answer: stream(Array(500).fill(frame("so ")), 10) });
    const waiting = await startRig({ answer: () => undefined });
    const call = begin(rig, STREAM);
    const answer = await answerOf(call);
    answer.on("error", () => undefined).resume();
    const unanswered = begin(waiting);
    await until(() => waiting.upstream.received.length === 1);
    const began = performance.now();
    const [seen] = await Promise.all([collect(unanswered), rig.gateway.close(), waiting.gateway.close()]);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(answer.complete).toBe(false);
    expect(seen.status).toBe(503);
    expect(errorOf(seen)).toMatchObject({ code: "shutting_down" });
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "gateway_abort", status: 200 }]);
    expect(await waiting.untilRecords("res", 1)).toMatchObject([{ outcome: "gateway_abort", status: 503 }]);
  });

  test("because the gateway ends while the request is being written down: upstream is not asked", async () => {
    const held = createHeldLog();
    held.hold("req");
    const rig = await startRig({ answer: () => undefined, log: held.log });
    const call = begin(rig).on("error", () => undefined);
    await until(() => held.entries.length === 1);
    const closing = rig.gateway.close();
    await sleep(20);
    held.release("req");
    await closing;
    expect(held.entries).toMatchObject([{ type: "req" }, { type: "res" }]);
    expect(rig.upstream.received).toEqual([]);
    expect(rig.gateway.activity().inFlight).toBe(0);
    call.destroy();
  });

  test("because the gateway ends while a request is still coming: it is refused with a record", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    const call = begin(rig, { headers: { "content-length": "1000" }, body: "{" }).on(
      "error",
      () => undefined,
    );
    await once(call, "socket");
    await sleep(50);
    await rig.gateway.close();
    expect(await rig.records("reject")).toMatchObject([{ code: "client_gone", status: 499 }]);
    expect(rig.defects).toEqual([]);
  });
});

describe("after a stream that did not come to its end, the next request works:", () => {
  const begun = [frame("Hel"), frame("lo")];

  test.each<[string, Answer, string]>([
    ["upstream cut it", stream(begun, 5, (response) => response.destroy()), "upstream_gone"],
    [
      "upstream spoke no HTTP",
      stream(begun, 5, (response) => response.socket?.end("no chunk")),
      "upstream_gone",
    ],
    ["its event had no end", endless("y".repeat(65_536), { first: "data: x" }), "gateway_abort"],
    ["its client left", stream(Array(10_000).fill(frame("so ")), 5), "client_abort"],
  ])("%s", async (_, broken, outcome) => {
    const answers: Answer[] = [broken, json(CHAT), stream(FRAMES)];
    const rig = await startRig({ answer: (...of) => answers.shift()?.(...of) });
    const call = begin(rig, STREAM).on("error", () => undefined);
    const answer = await answerOf(call);
    if (outcome === "client_abort") answer.once("data", () => call.destroy());
    else answer.resume();
    await closed(answer);
    expect(answer.complete).toBe(false);
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome }]);
    expect(await ask(rig)).toMatchObject({ status: 200, text: JSON.stringify(CHAT), isWhole: true });
    expect(await ask(rig, STREAM)).toMatchObject({ status: 200, text: FRAMES.join(""), isWhole: true });
    await until(() => rig.gateway.activity().inFlight === 0);
    expect(rig.defects).toEqual([]);
  });
});

describe("an answer without end", () => {
  test.each(["data: x", "x"])("in one event that begins with %j is cut", async (begin) => {
    const rig = await startRig({ answer: endless("y".repeat(65_536), { first: begin }) });
    const seen = await ask(rig, STREAM);
    expect(seen).toMatchObject({ status: 200, text: "", isWhole: false });
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "gateway_abort" }]);
    await until(() => rig.upstream.cut() === 1);
  });

  test("in many events ends where the log keeps no more", async () => {
    const rig = await startRig({ answer: endless(frame("z".repeat(65_536))) });
    const seen = await ask(rig, STREAM);
    expect(seen.isWhole).toBe(false);
    expect(await rig.untilRecords("res", 1)).toMatchObject([
      { outcome: "gateway_abort", faults: expect.arrayContaining(["answer-too-long"]) },
    ]);
  });

  test("in one piece is refused", async () => {
    const piece = "z".repeat(1 << 20);
    const rig = await startRig({
      answer: async (response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": 70 << 20 });
        for (let count = 0; count < 70 && !response.destroyed; count += 1)
          if (!response.write(piece)) await drained(response);
        response.end();
      },
    });
    const seen = await ask(rig, STREAM);
    expect(seen.isWhole).toBe(false);
    expect(await rig.untilRecords("res", 1)).toMatchObject([
      { outcome: "gateway_abort", faults: expect.arrayContaining(["answer-too-long"]) },
    ]);
  });
});

describe("a client that reads slowly", () => {
  test("stops upstream from being read, and gets all in the end", async () => {
    let written = 0;
    const frames = Array<string>(400).fill(frame("y".repeat(65_536)));
    const rig = await startRig({
      answer: async (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const one of [...frames, LAST_FRAME, DONE]) {
          written += one.length;
          if (!response.write(one)) await drained(response);
        }
        response.end();
      },
    });
    const call = begin(rig, STREAM);
    const answer = await answerOf(call);
    answer.pause();
    await sleep(500);
    const atRest = written;
    expect(atRest).toBeLessThan(16 << 20);
    let bytes = 0;
    answer.on("data", (chunk: Buffer) => (bytes += chunk.length)).resume();
    await closed(answer);
    expect(bytes).toBe([...frames, LAST_FRAME, DONE].join("").length);
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "ok" }]);
  });
});
