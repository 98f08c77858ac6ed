/** The program itself, as a process. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import { EXIT_CODES } from "../../src/shared/errors.ts";
import { startProgram } from "../../src/shared/program.ts";
import type { GatewayConfig } from "../../src/shared/gateway-config.ts";
import { readRecords } from "../audit/write/read-back.ts";
import { ask, EMBED, EMBEDDINGS_PATH } from "./http/client.ts";
import { CHAT, json, startUpstream, VECTORS, type Answer, type Upstream } from "./http/upstream.ts";
import { configIn } from "./serving.ts";

const MAIN = join(import.meta.dirname, "../../src/gateway/main.ts");
const GRACE_MS = 10_000;
const EMBEDDING = { alias: "embed", sha256: `sha256:${"1".repeat(64)}` };

test("serves two servers, and ends in order with a log in which both stand", async () => {
  const [upstream, embedder] = [await play(json(CHAT)), await play(json(VECTORS))];
  const folder = await newFolder();
  const embedding = { ...EMBEDDING, socket: embedder.socketPath };
  const config = configIn(folder, { upstreamSocket: upstream.socketPath, embedding });
  const { program, said } = await start(folder, config, "listening");
  await said;
  const where = { socketPath: config.listen.socket };
  expect(await ask(where)).toMatchObject({ status: 200, text: JSON.stringify(CHAT) });
  const vectors = await ask(where, { path: EMBEDDINGS_PATH, body: EMBED });
  expect(vectors).toMatchObject({ status: 200, text: JSON.stringify(VECTORS) });
  expect((await ask(where, { path: EMBEDDINGS_PATH, body: { ...EMBED, model: "demo" } })).status).toBe(404);
  await program.stop(GRACE_MS);
  expect(await program.ended).toEqual({ exitCode: 0, signal: undefined });
  const asked = [upstream, embedder].map(({ received }) =>
    received.filter(({ method }) => method === "POST"),
  );
  expect(asked.map((requests) => requests.length)).toEqual([1, 1]);
  const records = await readRecords(config.log.folder);
  const requests = records.filter((one) => one.type === "req");
  expect(requests.map(({ route, genAi }) => [route, genAi["gen_ai.request.model"]])).toEqual([
    ["chat.completions", "demo"],
    ["embeddings", "embed"],
  ]);
  expect(records.filter(({ type }) => type === "config")).toMatchObject([
    { config: { model: { alias: "demo" }, embedding: EMBEDDING } },
  ]);
  expect(records.filter(({ type }) => type === "reject")).toMatchObject([{ code: "model_not_found" }]);
  expect((await verifyLog(config.log.folder)).verdict).toBe("OK");
});

test.each<["socket" | "alias", NonNullable<GatewayConfig["embedding"]>]>([
  ["socket", { ...EMBEDDING, socket: "/run/llama.sock" }],
  ["alias", { ...EMBEDDING, alias: "demo", socket: "/run/other.sock" }],
])("does not start where both servers have one %s, and writes no log", async (shared, embedding) => {
  const folder = await newFolder();
  const config = configIn(folder, { upstreamSocket: "/run/llama.sock", embedding });
  const { program, said } = await start(folder, config, `/embedding/${shared} is "${embedding[shared]}"`);
  await said;
  expect(await program.ended).toEqual({ exitCode: EXIT_CODES.usage, signal: undefined });
  expect(await readdir(folder)).toEqual(["gateway.json"]);
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "main-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  return folder;
}

async function play(answer: Answer): Promise<Upstream> {
  const upstream = await startUpstream(answer);
  onTestFinished(async () => await upstream.stop());
  return upstream;
}

/** `said` resolves once it has written a line with these words. */
async function start(folder: string, config: GatewayConfig, words: string) {
  const path = join(folder, "gateway.json");
  await writeFile(path, JSON.stringify(config));
  const { promise: said, resolve } = Promise.withResolvers<void>();
  const program = await startProgram(process.execPath, [MAIN, "serve", "--config", path], {
    onLine: (line) => void (line.includes(words) && resolve()),
  });
  onTestFinished(async () => await program.kill());
  return { program, said };
}
