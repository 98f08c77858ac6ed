import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { answerOf, ask, begin, closed, collect, errorOf } from "./client.ts";
import { createHeldLog } from "./held-log.ts";
import { closeRigs, startRig, until } from "./rig.ts";
import { CHAT, DONE, endless, frame, json, LAST_FRAME, stream } from "./upstream.ts";

afterEach(closeRigs);

const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };
const FRAMES = [frame("Hel"), ": keep-alive\n\n", frame("lo"), LAST_FRAME, DONE];
const UNAVAILABLE = { type: "server_error", code: "audit_unavailable" };

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
    expect(rig.activity().inFlight).toBe(0);
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
      await until(() => rig.upstream.cut() === 1 && rig.activity().inFlight === 0);
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
    let before = -1;
    while (before !== written) {
      before = written;
      await sleep(200);
    }
    held.pending(0);
    held.release("part");
    await until(() => written > before + (4 << 20));
    call.destroy();
  });
});
