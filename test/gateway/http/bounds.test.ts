import { afterEach, describe, expect, test } from "vitest";
import { ask } from "./client.ts";
import { closeRigs, startRig, until } from "./rig.ts";
import { drained, endless, frame } from "./upstream.ts";

afterEach(closeRigs);

const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };

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
