/** What llama-server does by itself, each beside what a client sees through the gateway: the first shows that there was something to mend. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ROUTES } from "../../src/gateway/routes/table.ts";
import { randomLlama } from "../../src/shared/gguf/random-llama.ts";
import { ALIAS, startModel, unpackServer, type Model } from "../gateway/clients-model.ts";
import { answerOf, ask, begin, CHAT_PATH, closed, errorOf, type Question } from "../gateway/http/client.ts";
import { until } from "../gateway/http/rig.ts";
import { readLog } from "../gateway/kill-log.ts";
import { openFolder } from "./checkout.ts";

const MESSAGES = [{ role: "user", content: "Hi" }];
const ENDLESS = { model: ALIAS, messages: MESSAGES, stream: true, max_tokens: 100_000, ignore_eos: true };
const NATIVE = ["completion", "infill", "embedding", "tokenize", "detokenize", "apply-template"];

let folder: string;
let model: Model;

beforeAll(async () => {
  folder = await openFolder("cloister-mended-");
  model = await startModel({
    folder: join(folder, "model"),
    server: await unpackServer(inject("appliance"), join(folder, "appliance")),
    model: randomLlama(1),
    args: ["--ctx-size", "131072", "--context-shift"],
    native: NATIVE,
  });
});
afterAll(async () => {
  await model?.stop();
  await rm(folder, { recursive: true });
});

async function both(question: Question) {
  const [direct, through] = [{ port: model.directPort }, { port: model.gateway.port }];
  return { direct: await ask(direct, question), through: await ask(through, question) };
}

test("every route that the table lets through is there", async () => {
  for (const { method, path } of ROUTES) {
    const { direct, through } = await both({ method, path, body: { model: ALIAS } });
    expect([path, direct.status === 404, through.status]).toEqual([path, false, direct.status]);
  }
});

test("broken JSON is the client's mistake", async () => {
  const { direct, through } = await both({ body: '{"messages":' });
  expect([direct.status, through.status]).toEqual([500, 400]);
  expect(errorOf(through)).toMatchObject({ code: "invalid_json" });
});

test("a model of another name is not answered for", async () => {
  const { direct, through } = await both({
    body: { model: "gpt-9", messages: MESSAGES, max_tokens: 1 },
  });
  expect([direct.status, through.status]).toEqual([200, 404]);
});

test("no page of another site may ask or read", async () => {
  const { direct, through } = await both({
    headers: { origin: "https://evil.example" },
    body: { model: ALIAS, messages: MESSAGES, max_tokens: 1 },
  });
  expect(direct.headers["access-control-allow-origin"]).toBeDefined();
  expect(through.headers["access-control-allow-origin"]).toBeUndefined();
  expect([direct.status, through.status]).toEqual([200, 403]);
});

test("the list of models has no path and no parameter", async () => {
  const { direct, through } = await both({ method: "GET", path: "/v1/models" });
  expect(Object.keys((JSON.parse(direct.text) as { data: object[] }).data[0] ?? {})).toContain("meta");
  expect(JSON.parse(through.text)).toEqual({
    object: "list",
    data: [{ id: ALIAS, object: "model", created: expect.any(Number), owned_by: "cloister" }],
  });
});

test("an answer cannot be fetched by another way than the one that is logged", async () => {
  const body = { model: ALIAS, messages: MESSAGES, stream: true, max_tokens: 3 };
  const [direct, through] = [{ port: model.directPort }, { port: model.gateway.port }];
  await ask(direct, { headers: { "x-conversation-id": "direct" }, body });
  await ask(through, { headers: { "x-conversation-id": "through" }, body });
  expect((await ask(direct, again("direct"))).status).toBe(200);
  expect((await ask(direct, again("through"))).status).toBe(404);
  expect((await ask(through, again("direct"))).status).toBe(403);
});

function again(id: string): Question {
  return { method: "GET", path: `/v1/stream?conv_id=${id}` };
}

test("a client that leaves ends what is generated for it", async () => {
  const call = begin({ port: model.gateway.port }, { body: ENDLESS });
  const answer = await answerOf(call);
  await new Promise((resolve) => answer.once("data", resolve));
  expect(await processing()).toBe(1);
  call.destroy();
  await until(async () => (await processing()) === 0);
  const { records } = await readLog(model.gateway.log);
  expect(records.findLast(({ type }) => type === "res")).toMatchObject({
    outcome: "client_abort",
    status: 200,
  });
});

test("a stream that is open holds up no end", async () => {
  const answer = await answerOf(begin({ port: model.gateway.port }, { body: ENDLESS }));
  answer.resume();
  const ended = closed(answer);
  const began = performance.now();
  await model.gateway.program().stop(10_000);
  expect(performance.now() - began).toBeLessThan(5_000);
  await ended;
  expect(answer.complete).toBe(false);
  const { records } = await readLog(model.gateway.log);
  expect(records.find((one) => one.type === "res" && one.outcome === "gateway_abort")).toBeDefined();
  expect(records.at(-2)?.type).toBe("stop");
  await model.gateway.start();
});

async function processing(): Promise<number> {
  const { text } = await ask({ port: model.directPort }, { method: "GET", path: "/metrics" });
  return Number(/^llamacpp:requests_processing (\d+)/m.exec(text)?.[1]);
}

test("an unknown path costs the server nothing", async () => {
  const { through } = await both({ method: "GET", path: "/v1/secret" });
  expect(through.status).toBe(404);
  expect(
    (await ask({ port: model.gateway.port }, { path: CHAT_PATH, body: { ...ENDLESS, max_tokens: 2 } }))
      .status,
  ).toBe(200);
});
