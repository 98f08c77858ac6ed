import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { ask, ASK, begin, CHAT_PATH, collect, errorOf, sendRaw } from "./client.ts";
import { expectGoesOn, expectRefused } from "./expect-refused.ts";
import { createHeldLog } from "./held-log.ts";
import { closeRigs, startRig, until } from "./rig.ts";
import { CHAT, json } from "./upstream.ts";

afterEach(closeRigs);

describe("a body", () => {
  test.each([
    ["that is broken JSON", '{"messages":[', 400, "invalid_json"],
    ["that is no object", "[]", 400, "invalid_json"],
    ["that is empty", "", 400, "invalid_json"],
    ["that is not UTF-8", Buffer.from([0x22, 0xff, 0x22]), 400, "invalid_json"],
    ["for another model", { ...ASK, model: "gpt-9" }, 404, "model_not_found"],
    ["whose model is no name", { ...ASK, model: {} }, 404, "model_not_found"],
    [
      "with a URL to be fetched",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "http://x/" } }] }] },
      400,
      "remote_content",
    ],
    [
      "with a document to be fetched",
      { messages: [{ role: "user", content: [{ type: "document", document_url: "http://x/" }] }] },
      400,
      "remote_content",
    ],
  ])("%s is refused", async (...[, body, status, code]) => {
    const rig = await startRig({ answer: json(CHAT) });
    await expectRefused(rig, { body }, { status, code });
  });

  test("without a model's name is taken", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    expect((await ask(rig, { body: { messages: [] } })).status).toBe(200);
  });

  test.each(["content-length", "chunked"])("over the limit (%s) is refused while it comes", async (how) => {
    const rig = await startRig({ answer: json(CHAT), maxBodyBytes: 100_000 });
    const headers: Record<string, string> = how === "chunked" ? { "transfer-encoding": "chunked" } : {};
    const call = begin(rig, { headers, body: "x".repeat(3_000_000) });
    const seen = await collect(call);
    expect(seen.status).toBe(413);
    expect(errorOf(seen)).toMatchObject({ code: "body_too_large" });
    await rig.untilRecords("reject", 1);
    await expectGoesOn(rig);
  });

  test("is refused in the words of Anthropic's API where that is asked", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    const seen = await ask(rig, { path: "/v1/messages?beta=true", body: "{" });
    expect(JSON.parse(seen.text)).toEqual({
      type: "error",
      error: {
        type: "invalid_request_error",
        message: expect.stringContaining("invalid_json"),
      },
    });
  });

  test("that never becomes whole leaves a record", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    const call = begin(rig, { headers: { "content-length": "9999" }, body: "{" }).on(
      "error",
      () => undefined,
    );
    await sleep(50);
    call.destroy();
    expect(await rig.untilRecords("reject", 1)).toMatchObject([{ status: 499, code: "client_gone" }]);
    await expectGoesOn(rig);
  });
});

describe("a route", () => {
  test.each([
    ["GET", "/slots", 403, "route_denied", "/slots"],
    ["POST", "/slots/secret-of-mine", 403, "route_denied", "/slots/:id_slot"],
    ["POST", "/props", 403, "route_denied", "/props"],
    ["POST", "/completion", 403, "route_denied", "/completion"],
    ["GET", "/v1/stream", 403, "route_denied", "/v1/stream"],
    ["GET", CHAT_PATH, 405, "method_not_allowed", CHAT_PATH],
    ["GET", "/what-i-typed", 404, "route_unknown", "unknown"],
    ["POST", "/v1/chat%2fcompletions", 404, "route_unknown", "unknown"],
    ["POST", "/v1/./chat/completions", 404, "route_unknown", "unknown"],
    ["POST", "//v1/chat/completions", 404, "route_unknown", "unknown"],
    ["POST", "/v1/chat/completions/", 404, "route_unknown", "unknown"],
    ["POST", "/v1/chat/completions;x", 404, "route_unknown", "unknown"],
    ["POST", "/v1\\chat\\completions", 404, "route_unknown", "unknown"],
    ["POST", "http://elsewhere/v1/chat/completions", 404, "route_unknown", "unknown"],
    ["POST", "/V1/chat/completions", 404, "route_unknown", "unknown"],
    ["POST", "/%2e/v1/chat/completions", 404, "route_unknown", "unknown"],
    ["POST", "/v1/%2e%2e/completion", 404, "route_unknown", "unknown"],
    ["POST", "/v1/chat/%63ompletions", 404, "route_unknown", "unknown"],
    ["POST", "/v1/chat/completions%00", 404, "route_unknown", "unknown"],
    ["POST", "/v1/chat/completions%3fa=b", 404, "route_unknown", "unknown"],
    ["POST", "/completion?/v1/chat/completions", 403, "route_denied", "/completion"],
  ])("%s %s is refused: %i %s", async (...[method, path, status, code, route]) => {
    const rig = await startRig({ answer: json(CHAT) });
    const { reject } = await expectRefused(rig, { method, path }, { status, code });
    expect(reject).toMatchObject({ method, route });
  });

  test("takes nothing of a query to llama-server", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    const path = `${CHAT_PATH}?model=other&conv_id=1#part`;
    expect(await ask(rig, { path })).toMatchObject({ status: 200, text: JSON.stringify(CHAT) });
    expect(rig.upstream.received).toMatchObject([{ method: "POST", url: CHAT_PATH }]);
    expect(JSON.stringify(await rig.records("req"))).not.toContain("conv_id");
  });

  test("that the policy names is let through", async () => {
    const rig = await startRig({ answer: json({ content: "x" }), native: ["completion"] });
    expect((await ask(rig, { path: "/completion", body: { prompt: "x" } })).status).toBe(200);
    expect(await rig.records("req")).toMatchObject([{ route: "completion" }]);
  });
});

describe("headers", () => {
  test("that open side doors do not reach upstream, and answers show nothing of its own", async () => {
    const rig = await startRig({
      answer: (response) => {
        response.setHeader("access-control-allow-origin", "*");
        response.setHeader("server", "llama.cpp");
        return json(CHAT)(response, { method: "", url: "", headers: {}, body: "" });
      },
    });
    const seen = await ask(rig, {
      headers: {
        "x-conversation-id": "1",
        cookie: "a=b",
        authorization: "Bearer x",
        "accept-encoding": "gzip",
        "x-forwarded-for": "1.2.3.4",
        "anthropic-version": "2023-06-01",
      },
    });
    expect(Object.keys(rig.upstream.received[0]?.headers ?? {}).sort()).toEqual([
      "accept-encoding",
      "anthropic-version",
      "connection",
      "content-length",
      "content-type",
      "host",
    ]);
    expect(rig.upstream.received[0]?.headers["accept-encoding"]).toBe("identity");
    expect(Object.keys(seen.headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
    expect(seen.headers["server"]).toBeUndefined();
  });

  test("of a page of another site are refused, those of an allowed one are answered", async () => {
    const allowOrigins = ["https://ui.example"];
    const rig = await startRig({ answer: json(CHAT), allowOrigins });
    const foreign = { origin: "https://evil.example" };
    await expectRefused(rig, { headers: foreign }, { status: 403, code: "origin_denied" });
    const preflight = { method: "OPTIONS", headers: { ...foreign, "access-control-request-method": "POST" } };
    expect((await ask(rig, preflight)).headers["access-control-allow-origin"]).toBeUndefined();
    const own = { origin: "https://ui.example" };
    expect((await ask(rig, { ...preflight, headers: own })).headers["access-control-allow-origin"]).toBe(
      own.origin,
    );
    expect(await ask(rig, { headers: own })).toMatchObject({
      status: 200,
      headers: { "access-control-allow-origin": own.origin, vary: "origin" },
    });
  });
});

describe("the gateway's own routes", () => {
  test("list the model without its path", async () => {
    const model = {
      id: "demo",
      object: "model",
      created: 5,
      owned_by: "llamacpp",
      meta: { path: "/secret" },
    };
    const rig = await startRig({ answer: json({ models: [{ path: "/secret" }], data: [model] }) });
    for (const path of ["/v1/models", "/models"])
      expect(JSON.parse((await ask(rig, { method: "GET", path })).text)).toEqual({
        object: "list",
        data: [{ id: "demo", object: "model", created: 5, owned_by: "cloister" }],
      });
  });

  test("say how it is", async () => {
    let status: "ok" | "degraded" | "loading" | "closed" = "ok";
    const rig = await startRig({ answer: json({}), health: async () => ({ status, reason: "why" }) });
    for (const [next, code] of [
      ["ok", 200],
      ["degraded", 200],
      ["loading", 503],
      ["closed", 503],
    ] as const) {
      status = next;
      const seen = await ask(rig, { method: "GET", path: "/health" });
      expect([seen.status, JSON.parse(seen.text)]).toEqual([code, { status: next, reason: "why" }]);
    }
  });
});

test("a refusal is told once it is on the disk", async () => {
  const held = createHeldLog();
  held.hold("reject");
  const rig = await startRig({ answer: json(CHAT), log: held.log });
  let isTold = false;
  const seen = ask(rig, { body: "{" }).finally(() => (isTold = true));
  await until(() => held.entries.length === 1);
  await sleep(50);
  expect(isTold).toBe(false);
  held.release("reject");
  expect((await seen).status).toBe(400);
});

test("a refusal that cannot be written down is still a refusal", async () => {
  const held = createHeldLog();
  held.breakAll();
  const rig = await startRig({ answer: json(CHAT), log: held.log });
  expect(await ask(rig, { body: "{" })).toMatchObject({ status: 400 });
  expect(await sendRaw(rig.port, "garbage\r\n\r\n")).toContain("bad_http");
  expect(rig.defects).toEqual([]);
});

test("a disk that is nearly full refuses what is new, with a record", async () => {
  let hasRoom = false;
  const rig = await startRig({ answer: json(CHAT), hasRoom: () => hasRoom });
  const seen = await ask(rig);
  expect(seen.status).toBe(503);
  expect(errorOf(seen)).toMatchObject({ code: "audit_unavailable" });
  await rig.untilRecords("reject", 1);
  hasRoom = true;
  await expectGoesOn(rig);
});
