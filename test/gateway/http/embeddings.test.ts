import { afterEach, describe, expect, test } from "vitest";
import { ask } from "./client.ts";
import { closeRigs, startRig } from "./rig.ts";
import { json } from "./upstream.ts";

afterEach(closeRigs);

const PATH = "/v1/embeddings";

describe("what a refused request for vectors may have cost", () => {
  /** As llama-server answers one text that is too long, having counted those before it. */
  const answer = json({ error: { code: 500, message: "too large to process", type: "server_error" } }, 500);

  test.each([
    [PATH, { input: ["short", "much too long"] }],
    [PATH, { content: ["short", "much too long"] }],
    ["/v1/rerank", { query: "q", documents: ["short", "much too long"] }],
    ["/rerank", { query: "q", texts: ["short", "much too long"] }],
  ])("is not known where it had several texts: %s %j", async (path, body) => {
    const rig = await startRig({ answer });
    expect((await ask(rig, { path, body })).status).toBe(500);
    const [res] = await rig.untilRecords("res", 1);
    expect(res).toMatchObject({ outcome: "upstream_error", status: 500 });
    expect(res).not.toHaveProperty("usage");
    expect(rig.answered).toEqual([undefined]);
  });

  test.each([
    [PATH, { input: "much too long" }],
    [PATH, { input: ["much too long"] }],
    ["/v1/rerank", { query: "q", documents: ["much too long"] }],
    [
      "/v1/responses",
      {
        input: [
          { role: "user", content: "a" },
          { role: "user", content: "b" },
        ],
      },
    ],
  ])("is nothing where it had one: %s %j", async (path, body) => {
    const rig = await startRig({ answer });
    expect((await ask(rig, { path, body })).status).toBe(500);
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ usage: { input: 0, output: 0 } }]);
    expect(rig.answered).toEqual([{ input: 0, output: 0 }]);
  });
});
