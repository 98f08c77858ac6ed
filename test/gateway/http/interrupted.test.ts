import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { answerOf, ask, begin, closed, collect, errorOf } from "./client.ts";
import { createHeldLog } from "./held-log.ts";
import { closeRigs, startRig, until } from "./rig.ts";
import {
  CHAT,
  DONE,
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
    await until(() => rig.upstream.cut() === 1 && rig.activity().inFlight === 0);
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
    expect(rig.activity()).toEqual({ inFlight: 0, begun: 4 });
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
    expect(rig.activity().inFlight).toBe(0);
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
    await until(() => rig.activity().inFlight === 0);
    expect(rig.defects).toEqual([]);
  });
});
