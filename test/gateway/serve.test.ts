import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { segmentPath } from "../../src/audit/layout.ts";
import { listSegments } from "../../src/audit/segments.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import { serveWitness } from "../../src/witness/serve.ts";
import { readRecords } from "../audit/write/read-back.ts";
import { ask } from "./http/client.ts";
import { until } from "./http/rig.ts";
import { CHAT, json, startUpstream, VECTORS, type Upstream } from "./http/upstream.ts";
import { closeServing, startServing, type Served } from "./serving.ts";

const MINUTE_MS = 60_000;
/** Records wait no longer than this for a checkpoint, and a second more for who looks. */
const CHECKPOINT_MS = 6_000;
const DIGEST = `sha256:${"1".repeat(64)}`;
let upstream: Upstream | undefined;
let embedder: Upstream | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await closeServing();
  await upstream?.stop();
  await embedder?.stop();
  upstream = undefined;
  embedder = undefined;
});

/** Loads its model, answers, and counts tokens, as llama-server does. */
async function startLlama(): Promise<{ readonly socketPath: string; isLoaded: boolean }> {
  const state = { isLoaded: true, socketPath: "" };
  let asked = 0;
  upstream = await startUpstream((response, received) => {
    if (received.url === "/metrics") return void response.end(metrics(asked));
    if (received.url === "/health") return json({}, state.isLoaded ? 200 : 503)(response, received);
    asked += 1;
    return json(CHAT)(response, received);
  });
  state.socketPath = upstream.socketPath;
  return state;
}

/** The second server: what it is asked counts as tokens of prompts, and nothing is predicted. */
async function startEmbedder() {
  const state = { isLoaded: true, hasMetrics: true, counted: 0 };
  embedder = await startUpstream((response, received) => {
    if (received.url === "/metrics")
      return void response.end(state.hasMetrics ? counters({ input: state.counted, output: 0 }) : "");
    if (received.url === "/health") return json({}, state.isLoaded ? 200 : 503)(response, received);
    state.counted += VECTORS.usage.prompt_tokens;
    return json(VECTORS)(response, received);
  });
  return { state, embedding: { socket: embedder.socketPath, alias: "embed", sha256: DIGEST } };
}

function metrics(asked: number): string {
  const { prompt_tokens, completion_tokens } = CHAT.usage;
  return counters({ input: asked * prompt_tokens, output: asked * completion_tokens });
}

function counters({ input, output }: { readonly input: number; readonly output: number }): string {
  return [
    `llamacpp:prompt_tokens_total ${input}`,
    "llamacpp:prompt_tokens_cached_total 0",
    `llamacpp:tokens_predicted_total ${output}\n`,
  ].join("\n");
}

describe("what llama-server counted is held against the log", () => {
  test("an answer that is in it is accounted for", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { socketPath } = await startLlama();
    const served = await startServing({ upstreamSocket: socketPath });
    expect((await served.chat()).status).toBe(200);
    const { reconciled, verified } = await afterAMinute(served);
    expect(reconciled).toMatchObject([
      { verdict: "ok", upstream: { input: 7, output: 2 }, logged: { input: 7, output: 2 } },
    ]);
    expect(reconciled[0]).not.toHaveProperty("model");
    expect(verified.verdict).toBe("OK");
  });

  test("one that went around it is a gap, and the verifier says where", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { socketPath } = await startLlama();
    const served = await startServing({ upstreamSocket: socketPath });
    expect((await served.chat()).status).toBe(200);
    expect((await ask({ socketPath })).status).toBe(200);
    const { reconciled, verified } = await afterAMinute(served);
    expect(reconciled).toMatchObject([
      { verdict: "gap", upstream: { input: 14, output: 4 }, logged: { input: 7, output: 2 } },
    ]);
    expect(verified).toMatchObject({ verdict: "RECONCILE_GAP", seq: reconciled[0]?.seq });
  });
});

describe("what two llama-servers counted is held against the log of each", () => {
  const ofChat = { model: "demo", upstream: { input: 7, output: 2 }, logged: { input: 7, output: 2 } };
  const ofVectors = { model: "embed", upstream: { input: 7, output: 0 }, logged: { input: 7, output: 0 } };

  test("answers that are in it are accounted for, with a record for each server", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { socketPath } = await startLlama();
    const { embedding } = await startEmbedder();
    const served = await startServing({ upstreamSocket: socketPath, embedding });
    expect([(await served.chat()).status, (await served.embed()).status]).toEqual([200, 200]);
    const { reconciled, verified } = await afterAMinute(served, 2);
    expect(byModel(reconciled)).toMatchObject([
      { verdict: "ok", ...ofChat },
      { verdict: "ok", ...ofVectors },
    ]);
    expect(verified.verdict).toBe("OK");
  });

  test.each(["demo", "embed"])("what went around it at %s is a gap of that one alone", async (around) => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { socketPath } = await startLlama();
    const { embedding } = await startEmbedder();
    const served = await startServing({ upstreamSocket: socketPath, embedding });
    expect([(await served.chat()).status, (await served.embed()).status]).toEqual([200, 200]);
    const hidden = around === "demo" ? socketPath : embedding.socket;
    expect((await ask({ socketPath: hidden })).status).toBe(200);
    const { reconciled, verified } = await afterAMinute(served, 2);
    const verdictOf = (model: string) => (model === around ? "gap" : "ok");
    expect(byModel(reconciled)).toMatchObject([
      { model: "demo", verdict: verdictOf("demo"), logged: ofChat.logged },
      { model: "embed", verdict: verdictOf("embed"), logged: ofVectors.logged },
    ]);
    const gap = reconciled.find(({ verdict }) => verdict === "gap");
    expect(verified).toMatchObject({ verdict: "RECONCILE_GAP", seq: gap?.seq });
  });

  test("what one did is no surplus of the other: neither's tokens explain the other's", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { socketPath } = await startLlama();
    const { embedding, state } = await startEmbedder();
    const served = await startServing({ upstreamSocket: socketPath, embedding });
    expect((await served.chat()).status).toBe(200);
    // As many tokens as the chat's prompt has, which both together would account for.
    state.counted += 7;
    const { reconciled } = await afterAMinute(served, 2);
    expect(byModel(reconciled)).toMatchObject([
      { model: "demo", verdict: "ok" },
      { model: "embed", verdict: "gap", upstream: { input: 7, output: 0 }, logged: { input: 0, output: 0 } },
    ]);
  });

  test("one whose metrics are others is said to be so, and the other is compared all the same", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { socketPath } = await startLlama();
    const { embedding, state } = await startEmbedder();
    state.hasMetrics = false;
    const served = await startServing({ upstreamSocket: socketPath, embedding });
    expect((await served.chat()).status).toBe(200);
    const { reconciled } = await afterAMinute(served, 1);
    expect(reconciled).toMatchObject([{ verdict: "ok", ...ofChat }]);
    expect(served.notes).toContainEqual(expect.stringContaining("prompt_tokens_total"));
  });

  test("while one is asked, the other is compared", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    const { socketPath } = await startLlama();
    embedder = await startUpstream((response, { url }) => {
      if (url === "/metrics") response.end(counters({ input: 0, output: 0 }));
    });
    const embedding = { socket: embedder.socketPath, alias: "embed", sha256: DIGEST };
    const served = await startServing({ upstreamSocket: socketPath, embedding });
    const waiting = served.embed();
    await until(() => embedder?.received.some(({ method }) => method === "POST") === true);
    expect((await served.chat()).status).toBe(200);
    const { reconciled } = await afterAMinute(served, 1);
    expect(reconciled).toMatchObject([{ verdict: "ok", ...ofChat }]);
    expect((await waiting).status).toBe(503);
  });
});

describe("the config record", () => {
  test("names both models, and no second one where there is none", async () => {
    const { socketPath } = await startLlama();
    const { embedding } = await startEmbedder();
    const model = { alias: "demo", sha256: `sha256:${"0".repeat(64)}` };
    const both = await startServing({ upstreamSocket: socketPath, embedding });
    const one = await startServing({ upstreamSocket: socketPath });
    expect(await loggedConfig(both)).toMatchObject({ model, embedding: { alias: "embed", sha256: DIGEST } });
    expect(JSON.stringify(await loggedConfig(both))).not.toContain(embedding.socket);
    expect(await loggedConfig(one)).toMatchObject({ model });
    expect(await loggedConfig(one)).not.toHaveProperty("embedding");
  });
});

describe("health", () => {
  test("is loading until both models answer, says which one does not, and is ok then", async () => {
    const llama = await startLlama();
    const { embedding, state } = await startEmbedder();
    const served = await startServing({ upstreamSocket: llama.socketPath, embedding });
    for (const [chatLoaded, vectorsLoaded, away] of [
      [false, false, "demo"],
      [true, false, "embed"],
      [false, true, "demo"],
    ] as const) {
      llama.isLoaded = chatLoaded;
      state.isLoaded = vectorsLoaded;
      expect(await served.health()).toEqual({
        status: 503,
        body: { status: "loading", reason: `The model "${away}" does not answer yet` },
      });
    }
    llama.isLoaded = true;
    expect(await served.health()).toEqual({ status: 200, body: { status: "ok" } });
    await embedder?.stop();
    embedder = undefined;
    expect(await served.health()).toMatchObject({ status: 503, body: { status: "loading" } });
  });

  test("is loading until the model answers, and ok then", async () => {
    const llama = await startLlama();
    llama.isLoaded = false;
    const served = await startServing({ upstreamSocket: llama.socketPath });
    const loading = { status: 503, body: { status: "loading", reason: expect.any(String) } };
    expect(await served.health()).toEqual(loading);
    llama.isLoaded = true;
    expect(await served.health()).toEqual({ status: 200, body: { status: "ok" } });
    await upstream?.stop();
    upstream = undefined;
    expect(await served.health()).toEqual(loading);
  });

  test("is degraded while the witness is away, and requests are answered all the same", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "performance"] });
    const { socketPath } = await startLlama();
    const folder = await mkdtemp(join(tmpdir(), "witness-"));
    const socket = join(folder, "witness.sock");
    const served = await startServing({ upstreamSocket: socketPath, witness: { socket } });
    await until(async () => JSON.stringify(await served.health()).includes("degraded"));
    expect(await served.health()).toMatchObject({ status: 200, body: { status: "degraded" } });
    expect((await served.chat()).status).toBe(200);
    const witness = await serveWitness({ socket, folder: join(folder, "state") });
    await vi.advanceTimersByTimeAsync(CHECKPOINT_MS);
    await until(async () => JSON.stringify(await served.health()).includes('"ok"'));
    await served.close();
    await witness.close();
  });

  test("is closed once the log's file is gone, and nothing is answered", async () => {
    const { socketPath } = await startLlama();
    const served = await startServing({ upstreamSocket: socketPath });
    for (const { name } of await listSegments(served.log)) await rm(segmentPath(served.log, name));
    expect((await served.chat()).status).toBe(503);
    expect(await served.health()).toMatchObject({ status: 503, body: { status: "closed" } });
    expect(upstream?.received.filter(({ method }) => method === "POST")).toEqual([]);
    expect(served.notes).toContainEqual(expect.stringContaining("Cannot write the audit log"));
  });
});

/** Once there are so many records of the comparison. */
async function afterAMinute(served: Served, count = 1) {
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  const reconciled = async () => (await readRecords(served.log)).filter((one) => one.type === "reconcile");
  await until(async () => (await reconciled()).length >= count);
  await served.close();
  return { reconciled: await reconciled(), verified: await verifyLog(served.log) };
}

function byModel<T extends { readonly model?: string }>(records: readonly T[]): readonly T[] {
  return records.toSorted((a, b) => ((a.model ?? "") < (b.model ?? "") ? -1 : 1));
}

async function loggedConfig({ log }: Served) {
  return (await readRecords(log)).find((one) => one.type === "config")?.config;
}
