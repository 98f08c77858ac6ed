import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { answerOf, begin, closed } from "./client.ts";
import { closeRigs, startRig } from "./rig.ts";
import { DONE, drained, frame, LAST_FRAME } from "./upstream.ts";

afterEach(closeRigs);

const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };

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
