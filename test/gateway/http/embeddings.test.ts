/** Two servers behind one gateway: the second makes vectors, and everything else of a request is as with one. */
import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { ask, ASK, begin, CHAT_PATH, collect, EMBED, EMBEDDINGS_PATH, errorOf } from "./client.ts";
import { createHeldLog } from "./held-log.ts";
import { closeRigs, startRig, until, type RigOptions } from "./rig.ts";
import { CHAT, json, startUpstream, VECTORS } from "./upstream.ts";

afterEach(closeRigs);

/** As llama-server lists its model, and as the gateway does. */
const listOf = (id: string) =>
  json({ models: [{ path: "/secret" }], data: [{ id, created: 5, meta: { path: "/secret" } }] });
const entry = (id: string) => ({ id, object: "model", created: 5, owned_by: "cloister" });

const QUESTION = { path: EMBEDDINGS_PATH, body: EMBED };

async function startBoth(options: Partial<RigOptions> = {}) {
  return await startRig({ answer: json(CHAT), embedding: json(VECTORS), ...options });
}

describe("a request for vectors", () => {
  test("goes to the second server alone, and its text is in the log as a prompt is", async () => {
    const rig = await startBoth();
    const { upstream, asked, answered } = rig.embedding();
    const seen = await ask(rig, QUESTION);
    expect(seen).toMatchObject({ status: 200, text: JSON.stringify(VECTORS), isWhole: true });
    expect(rig.upstream.received).toEqual([]);
    expect(upstream.received).toMatchObject([
      { method: "POST", url: EMBEDDINGS_PATH, body: JSON.stringify(EMBED) },
    ]);
    const [req] = await rig.records("req");
    const [res] = await rig.untilRecords("res", 1);
    expect(req).toMatchObject({
      id: seen.headers["x-request-id"],
      route: "embeddings",
      who: { client: "anonymous", strength: "none" },
      genAi: { "gen_ai.operation.name": "embeddings", "gen_ai.request.model": "embed" },
    });
    expect(await rig.payloadOf(req?.seq ?? -1)).toBe(JSON.stringify(EMBED));
    const sha256 = createHash("sha256").update(seen.text).digest("hex");
    expect(res).toMatchObject({ outcome: "ok", usage: { input: 7, output: 0 }, raw: { sha256 } });
    expect([answered, rig.answered]).toEqual([[{ input: 7, output: 0 }], []]);
    expect([asked.activity(), rig.activity()]).toEqual([
      { inFlight: 0, begun: 1 },
      { inFlight: 0, begun: 0 },
    ]);
  });

  test("of llama-server's own kind goes there as well, where the policy names it", async () => {
    const rig = await startBoth({ native: ["embedding"] });
    for (const path of ["/embedding", "/embeddings"])
      expect((await ask(rig, { path, body: { content: "x" } })).status).toBe(200);
    expect(rig.embedding().upstream.received.map(({ url }) => url)).toEqual(["/embedding", "/embeddings"]);
    expect(rig.upstream.received).toEqual([]);
  });

  test("goes to the only server where there is one", async () => {
    const rig = await startRig({ answer: json(VECTORS) });
    expect((await ask(rig, { path: EMBEDDINGS_PATH, body: { ...EMBED, model: "demo" } })).status).toBe(200);
    expect(rig.upstream.received).toMatchObject([{ url: EMBEDDINGS_PATH }]);
    expect(rig.answered).toEqual([{ input: 7, output: 0 }]);
  });

  test("is under way beside the other server's, and neither waits for the other", async () => {
    const rig = await startBoth({ embedding: () => undefined });
    const call = begin(rig, QUESTION).on("error", () => undefined);
    await until(() => rig.embedding().upstream.received.length === 1);
    expect((await ask(rig)).status).toBe(200);
    expect(rig.embedding().asked.activity()).toEqual({ inFlight: 1, begun: 1 });
    expect(rig.activity()).toEqual({ inFlight: 0, begun: 1 });
    call.destroy();
    await until(
      () => rig.embedding().upstream.cut() === 1 && rig.embedding().asked.activity().inFlight === 0,
    );
    expect(await rig.untilRecords("res", 2)).toMatchObject([{ outcome: "ok" }, { outcome: "client_abort" }]);
    expect([rig.embedding().answered, rig.answered]).toEqual([[undefined], [{ input: 7, output: 2 }]]);
  });

  test("reaches the server only once it is on the disk, and its last byte leaves once the answer is", async () => {
    const held = createHeldLog();
    held.hold("req");
    held.hold("res");
    const rig = await startBoth({ log: held.log });
    let text = "";
    const call = begin(rig, QUESTION);
    call.on("response", (message) => message.on("data", (chunk: Buffer) => (text += chunk.toString())));
    await until(() => held.entries.length === 1);
    // Whatever was let through too early is there before an answer that was asked for later.
    await ask(rig, { method: "GET", path: "/health" });
    expect(rig.embedding().upstream.received).toEqual([]);
    held.release("req");
    await until(() => held.entries.length === 2);
    await ask(rig, { method: "GET", path: "/health" });
    expect(text.length).toBeLessThan(JSON.stringify(VECTORS).length);
    held.release("res");
    await until(() => text === JSON.stringify(VECTORS));
  });

  test("is refused where the log fails, and the server is not asked", async () => {
    const held = createHeldLog();
    held.hold("req");
    const rig = await startBoth({ log: held.log });
    const call = begin(rig, QUESTION);
    await until(() => held.entries.length === 1);
    held.breakHeld("req");
    const seen = await collect(call);
    expect([seen.status, errorOf(seen)]).toEqual([
      503,
      expect.objectContaining({ code: "audit_unavailable" }),
    ]);
    expect(rig.embedding().upstream.received).toEqual([]);
    expect(rig.embedding().asked.activity().inFlight).toBe(0);
  });

  test("is refused while its server is away, and works once it is back; the other answers meanwhile", async () => {
    const rig = await startBoth();
    const { upstream } = rig.embedding();
    await upstream.stop();
    const seen = await ask(rig, QUESTION);
    expect([seen.status, errorOf(seen)]).toEqual([
      502,
      expect.objectContaining({ code: "model_unavailable" }),
    ]);
    expect((await ask(rig)).status).toBe(200);
    const again = await startUpstream(json(VECTORS), upstream.socketPath);
    expect((await ask(rig, QUESTION)).status).toBe(200);
    await again.stop();
    expect(await rig.untilRecords("res", 3)).toMatchObject([
      { outcome: "upstream_gone", status: 502 },
      { outcome: "ok" },
      { outcome: "ok" },
    ]);
  });

  test("that is under way when the gateway ends is cut with a record", async () => {
    const rig = await startBoth({ embedding: () => undefined });
    const call = begin(rig, QUESTION);
    await until(() => rig.embedding().upstream.received.length === 1);
    const [seen] = await Promise.all([collect(call), rig.gateway.close()]);
    expect([seen.status, errorOf(seen)]).toEqual([503, expect.objectContaining({ code: "shutting_down" })]);
    expect(await rig.records("res")).toMatchObject([{ outcome: "gateway_abort", status: 503 }]);
    // And its server is let go.
    const { promise: error, resolve } = Promise.withResolvers<unknown>();
    const handler = { onResponseError: (_: unknown, why: Error) => resolve(why) };
    rig.embedding().asked.dispatch({ method: "GET", path: "/" }, handler);
    expect(await error).toMatchObject({ code: "UND_ERR_DESTROYED" });
  });
});

describe("with two servers, one that is refused reaches neither, and leaves a record:", () => {
  const broken = { path: EMBEDDINGS_PATH, body: "{" };
  const foreign = { path: EMBEDDINGS_PATH, body: EMBED, headers: { origin: "https://evil.example" } };
  const long = { path: EMBEDDINGS_PATH, body: { input: "x".repeat(5_000) } };

  test.each([
    [
      "the chat model's name for vectors",
      { path: EMBEDDINGS_PATH, body: { ...EMBED, model: "demo" } },
      404,
      "model_not_found",
    ],
    ["the vectors' model's name for a chat", { body: { ...ASK, model: "embed" } }, 404, "model_not_found"],
    [
      "the vectors' model's name for a rerank",
      { path: "/v1/rerank", body: { model: "embed" } },
      404,
      "model_not_found",
    ],
    [
      "nobody's name for vectors",
      { path: EMBEDDINGS_PATH, body: { ...EMBED, model: "gpt-9" } },
      404,
      "model_not_found",
    ],
    [
      "a name that is none",
      { path: EMBEDDINGS_PATH, body: { ...EMBED, model: ["embed"] } },
      404,
      "model_not_found",
    ],
    ["a body that is broken", broken, 400, "invalid_json"],
    ["a body that is too long", long, 413, "body_too_large"],
    [
      "a picture to be fetched",
      {
        path: EMBEDDINGS_PATH,
        body: { input: [{ content: [{ type: "image_url", image_url: { url: "http://x/" } }] }] },
      },
      400,
      "remote_content",
    ],
    ["a page of another site", foreign, 403, "origin_denied"],
    ["the wrong method", { method: "GET", path: EMBEDDINGS_PATH }, 405, "method_not_allowed"],
    [
      "a route that the policy does not name",
      { path: "/embedding", body: { content: "x" } },
      403,
      "route_denied",
    ],
  ])("%s", async (...[, question, status, code]) => {
    const rig = await startBoth({ maxBodyBytes: 4_096 });
    const seen = await ask(rig, question);
    expect([seen.status, errorOf(seen)]).toEqual([status, expect.objectContaining({ code })]);
    expect(await rig.untilRecords("reject", 1)).toMatchObject([
      { status, code, id: seen.headers["x-request-id"] },
    ]);
    expect([rig.upstream.received, rig.embedding().upstream.received]).toEqual([[], []]);
    // Both go on.
    expect((await ask(rig)).status).toBe(200);
    expect((await ask(rig, QUESTION)).status).toBe(200);
    expect(rig.defects).toEqual([]);
  });

  test("a key that is nobody's, and a user's token that is wrong", async () => {
    const identity = { pepper: Buffer.alloc(32, 1), clients: [clientOf("key")], uiSecret: Buffer.from("s") };
    const rig = await startBoth({ identity });
    const bearer = { authorization: "Bearer key" };
    for (const [headers, code] of [
      [{}, "invalid_api_key"],
      [{ ...bearer, "x-openwebui-user-jwt": "a.b.c" }, "invalid_user_token"],
    ] as const) {
      const seen = await ask(rig, { ...QUESTION, headers });
      expect([seen.status, errorOf(seen)]).toEqual([401, expect.objectContaining({ code })]);
    }
    expect((await rig.untilRecords("reject", 2)).map(({ code, route }) => [code, route])).toEqual([
      ["invalid_api_key", "embeddings"],
      ["invalid_user_token", "embeddings"],
    ]);
    expect(rig.embedding().upstream.received).toEqual([]);
    expect((await ask(rig, { ...QUESTION, headers: bearer })).status).toBe(200);
    expect(await rig.records("req")).toMatchObject([{ who: { client: "ui", strength: "key" } }]);
  });

  test("a disk that is nearly full", async () => {
    const rig = await startBoth({ hasRoom: () => false });
    const seen = await ask(rig, QUESTION);
    expect([seen.status, errorOf(seen)]).toEqual([
      503,
      expect.objectContaining({ code: "audit_unavailable" }),
    ]);
    expect(await rig.untilRecords("reject", 1)).toMatchObject([{ code: "audit_unavailable", status: 503 }]);
    expect(rig.embedding().upstream.received).toEqual([]);
  });

  test("the refusal of a name says which one is taken on that route", async () => {
    const rig = await startBoth();
    const message = async (path: string, model: string) => errorOf(await ask(rig, { path, body: { model } }));
    expect(await message(EMBEDDINGS_PATH, "demo")).toMatchObject({
      message: 'There is no model "demo" on this route, only "embed"',
    });
    expect(await message(CHAT_PATH, "embed")).toMatchObject({
      message: 'There is no model "embed" on this route, only "demo"',
    });
  });
});

describe("the list of models", () => {
  const list = { method: "GET", path: "/v1/models" };

  test("has both, the chat model first", async () => {
    const rig = await startRig({ answer: listOf("demo"), embedding: listOf("embed") });
    const seen = await ask(rig, list);
    expect(JSON.parse(seen.text)).toEqual({ object: "list", data: [entry("demo"), entry("embed")] });
  });

  test("has those whose servers answer, and is refused with a record where none does", async () => {
    const rig = await startRig({ answer: listOf("demo"), embedding: listOf("embed") });
    await rig.embedding().upstream.stop();
    expect(JSON.parse((await ask(rig, list)).text)).toEqual({ object: "list", data: [entry("demo")] });
    await rig.upstream.stop();
    const seen = await ask(rig, list);
    expect([seen.status, errorOf(seen)]).toEqual([
      502,
      expect.objectContaining({ code: "model_unavailable" }),
    ]);
    expect(await rig.untilRecords("reject", 1)).toMatchObject([
      { route: "models", code: "model_unavailable" },
    ]);
    const again = await Promise.all([
      startUpstream(listOf("demo"), rig.upstream.socketPath),
      startUpstream(listOf("embed"), rig.embedding().upstream.socketPath),
    ]);
    expect(JSON.parse((await ask(rig, list)).text)).toMatchObject({
      data: [{ id: "demo" }, { id: "embed" }],
    });
    for (const one of again) await one.stop();
  });
});

describe("what a refused request for vectors may have cost", () => {
  /** As llama-server answers one text that is too long, having counted those before it. */
  const answer = json({ error: { code: 500, message: "too large to process", type: "server_error" } }, 500);

  test.each([
    [EMBEDDINGS_PATH, { input: ["short", "much too long"] }],
    [EMBEDDINGS_PATH, { content: ["short", "much too long"] }],
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
    [EMBEDDINGS_PATH, { input: "much too long" }],
    [EMBEDDINGS_PATH, { input: ["much too long"] }],
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

function clientOf(key: string) {
  return { id: "ui", sha256: createHash("sha256").update(key).digest("hex") };
}
