/** OpenAI's Codex CLI, which speaks the Responses API alone, from npm and without a network, through the gateway. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { ECHO_ANSWER, echoModel } from "../../src/shared/gguf/echo-model.ts";
import { environment } from "../../bench/gateway/processes.ts";
import { ALIAS, startModel, unpackServer, type Model } from "../gateway/clients-model.ts";
import { sameThrough } from "../gateway/clients-same.ts";
import { readLog } from "../gateway/kill-log.ts";
import { openFolder } from "./checkout.ts";

const CODEX = "@openai/codex@0.169.0";
/** Its instructions and tools are some 27,000 tokens of one byte each. */
const CONTEXT = 65_536;

let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await openFolder("cloister-codex-");
  await writeFile(join(folder, "package.json"), "{}");
  await exec("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", CODEX], {
    cwd: folder,
    env: environment({ HOME: process.env["HOME"] ?? folder }),
    timeoutMs: 300_000,
  });
  model = await startModel({
    folder: join(folder, "model"),
    server: await unpackServer(inject("appliance"), join(folder, "appliance")),
    model: echoModel(),
    args: [
      "--override-kv",
      `llama.context_length=int:${CONTEXT}`,
      "--ctx-size",
      String(CONTEXT),
      "--parallel",
      "1",
    ],
  });
});
afterAll(async () => {
  await model?.stop();
  await rm(folder, { recursive: true });
});

test("codex exec says what the model said, directly and through the gateway, and the log has it", async () => {
  const message = await sameThrough(model, async (origin) => await codex(`${origin}/v1`));
  expect(message).toBe(ECHO_ANSWER);
  const { records, requests } = await readLog(model.gateway.log);
  expect(records.some((record) => record.type === "req" && record.route.includes("responses"))).toBe(true);
  expect([...requests.values()].filter(({ endings }) => endings.join() !== "ok")).toEqual([]);
});

/** Its last message. */
async function codex(baseUrl: string): Promise<string> {
  const [home, work] = [join(folder, "home"), join(folder, "work")];
  for (const path of [home, work]) await mkdir(path, { recursive: true });
  const script = join(folder, "node_modules/@openai/codex/bin/codex.js");
  const provider = `{name="local",base_url="${baseUrl}",wire_api="responses"}`;
  const settings = ["-c", 'model_provider="local"', "-c", `model_providers.local=${provider}`];
  const { stdout } = await exec(
    process.execPath,
    [script, "exec", "--skip-git-repo-check", "--json", "-m", ALIAS, ...settings, "Say hello"],
    { cwd: work, env: environment({ HOME: home, CODEX_HOME: home }), timeoutMs: 120_000 },
  );
  const events = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): { readonly item?: { readonly type: string; readonly text?: string } } => JSON.parse(line));
  return events.findLast(({ item }) => item?.type === "agent_message")?.item?.text ?? "";
}
