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
import { CHAT, json, startUpstream, type Upstream } from "./http/upstream.ts";
import { closeServing, startServing, type Served } from "./serving.ts";

const MINUTE_MS = 60_000;
/** Records wait no longer than this for a checkpoint, and a second more for who looks. */
const CHECKPOINT_MS = 6_000;
let upstream: Upstream | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await closeServing();
  await upstream?.stop();
  upstream = undefined;
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

function metrics(asked: number): string {
  const { prompt_tokens: input, completion_tokens: output } = CHAT.usage;
  return [
    `llamacpp:prompt_tokens_total ${asked * input}`,
    "llamacpp:prompt_tokens_cached_total 0",
    `llamacpp:tokens_predicted_total ${asked * output}\n`,
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

describe("health", () => {
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

async function afterAMinute(served: Served) {
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  const reconciled = async () => (await readRecords(served.log)).filter((one) => one.type === "reconcile");
  await until(async () => (await reconciled()).length > 0);
  await served.close();
  return { reconciled: await reconciled(), verified: await verifyLog(served.log) };
}
