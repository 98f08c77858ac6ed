/** The clients that people have, unchanged, against the appliance's own server, directly and through the gateway. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { ECHO_ANSWER, echoModel } from "../../src/shared/gguf/echo-model.ts";
import { tinyEmbedding } from "../../src/shared/gguf/tiny-embedding.ts";
import { ALIAS, startModel, unpackServer, type Model } from "../gateway/clients-model.ts";
import { collect, sameThrough } from "../gateway/clients-same.ts";
import { readLog } from "../gateway/kill-log.ts";
import { openFolder } from "./checkout.ts";

const CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';
const WEATHER = {
  name: "get_weather",
  description: "The weather in a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
} as const;
const ASK = { role: "user", content: "Is it raining in Paris?" } as const;
const KEY = { apiKey: "none", maxRetries: 0 };

let folder: string;
let chat: Model;
let caller: Model;
let embedder: Model;

beforeAll(async () => {
  folder = await openFolder("cloister-clients-");
  const server = await unpackServer(inject("appliance"), join(folder, "appliance"));
  const start = async (
    name: string,
    model: Parameters<typeof startModel>[0]["model"],
    args: readonly string[],
  ) => await startModel({ folder: join(folder, name), server, model, args });
  chat = await start("chat", echoModel(), []);
  caller = await start("caller", echoModel(CALL), []);
  embedder = await start("embedder", tinyEmbedding(7), ["--embeddings"]);
});
afterAll(async () => {
  for (const model of [chat, caller, embedder]) await model?.stop();
  await rm(folder, { recursive: true });
});

function openai(origin: string): OpenAI {
  return new OpenAI({ baseURL: `${origin}/v1`, ...KEY });
}

function anthropic(origin: string): Anthropic {
  return new Anthropic({ baseURL: origin, ...KEY });
}

describe("the openai package", () => {
  test("chat.completions, whole and as a stream with usage", async () => {
    const answer = await sameThrough(chat, async (origin) =>
      openai(origin).chat.completions.create({ model: ALIAS, messages: [ASK] }),
    );
    expect(answer.choices[0]?.message.content).toBe(ECHO_ANSWER);
    const chunks = await sameThrough(chat, async (origin) =>
      collect(
        await openai(origin).chat.completions.create({
          model: ALIAS,
          messages: [ASK],
          stream: true,
          stream_options: { include_usage: true },
        }),
      ),
    );
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(ECHO_ANSWER);
    expect(chunks.at(-1)?.usage?.completion_tokens).toBeGreaterThan(0);
  });

  test("a tool call, whole and put together from a stream, and its result sent back", async () => {
    const tools = [{ type: "function", function: WEATHER } as const];
    const answer = await sameThrough(caller, async (origin) =>
      openai(origin).chat.completions.create({ model: ALIAS, messages: [ASK], tools }),
    );
    const call = answer.choices[0]?.message.tool_calls?.[0];
    expect(call).toMatchObject({ function: { name: "get_weather", arguments: '{"city": "Paris"}' } });
    const streamed = await sameThrough(caller, async (origin) =>
      openai(origin)
        .chat.completions.stream({ model: ALIAS, messages: [ASK], tools })
        .finalMessage(),
    );
    expect(streamed.tool_calls?.[0]).toMatchObject({ function: { name: "get_weather" } });
    await sameThrough(caller, async (origin) =>
      openai(origin).chat.completions.create({
        model: ALIAS,
        tools,
        messages: [
          ASK,
          { role: "assistant", content: "", tool_calls: streamed.tool_calls ?? [] },
          { role: "tool", tool_call_id: streamed.tool_calls?.[0]?.id ?? "", content: '{"rain":true}' },
        ],
      }),
    );
  });

  test("embeddings of one text and of several, as numbers and as base64", async () => {
    for (const input of ["a text", ["one", "two"]]) {
      const { data } = await sameThrough(embedder, async (origin) =>
        openai(origin).embeddings.create({ model: ALIAS, input, encoding_format: "float" }),
      );
      expect(data).toHaveLength(Array.isArray(input) ? 2 : 1);
      expect(data[0]?.embedding).toHaveLength(64);
    }
    await sameThrough(embedder, async (origin) =>
      openai(origin).embeddings.create({ model: ALIAS, input: "c" }),
    );
  });

  test("legacy completions and the list of models", async () => {
    const { choices } = await sameThrough(chat, async (origin) =>
      openai(origin).completions.create({ model: ALIAS, prompt: "a:" }),
    );
    expect(choices[0]?.text).toBe(ECHO_ANSWER);
    const names = await sameThrough(chat, async (origin) =>
      (await collect(openai(origin).models.list())).map(({ id }) => id),
    );
    expect(names).toEqual([ALIAS]);
  });

  test("responses, whole and as a stream", async () => {
    const answer = await sameThrough(chat, async (origin) =>
      openai(origin).responses.create({ model: ALIAS, input: "Say hello" }),
    );
    expect(answer.output_text).toBe(ECHO_ANSWER);
    const events = await sameThrough(chat, async (origin) =>
      collect(await openai(origin).responses.create({ model: ALIAS, input: "Say hello", stream: true })),
    );
    expect(events.at(-1)?.type).toBe("response.completed");
  });

  test("an error of the server reaches the client as the same error", async () => {
    const failures = await sameThrough(chat, async (origin) => {
      const call = openai(origin).chat.completions.create({
        model: ALIAS,
        messages: [{ role: "user", content: "x".repeat(20_000) }],
      });
      return await call.then(
        () => "answered",
        (error: unknown) => (error instanceof APIError ? { status: error.status, type: error.type } : error),
      );
    });
    expect(failures).toMatchObject({ status: 400, type: "exceed_context_size_error" });
  });
});

describe("the @anthropic-ai/sdk package", () => {
  const request = { model: ALIAS, max_tokens: 64, messages: [ASK] };

  test("messages, whole, as a stream, and the count of tokens", async () => {
    const answer = await sameThrough(chat, async (origin) => anthropic(origin).messages.create(request));
    expect(answer.content).toMatchObject([{ type: "text", text: ECHO_ANSWER }]);
    const streamed = await sameThrough(chat, async (origin) =>
      anthropic(origin).messages.stream(request).finalMessage(),
    );
    expect(streamed.content).toMatchObject([{ type: "text", text: ECHO_ANSWER }]);
    const { input_tokens } = await sameThrough(chat, async (origin) =>
      anthropic(origin).messages.countTokens({ model: ALIAS, messages: [ASK] }),
    );
    expect(input_tokens).toBeGreaterThan(0);
  });

  test("a tool use, put together from a stream", async () => {
    const { parameters, ...weather } = WEATHER;
    const message = await sameThrough(caller, async (origin) =>
      anthropic(origin)
        .messages.stream({
          ...request,
          tools: [{ ...weather, input_schema: { ...parameters, required: ["city"] } }],
        })
        .finalMessage(),
    );
    expect(message.content).toMatchObject([
      { type: "tool_use", name: "get_weather", input: { city: "Paris" } },
    ]);
  });
});

describe("curl -N", () => {
  test("gets the same bytes but for identities and times", async () => {
    const body = JSON.stringify({ model: ALIAS, messages: [ASK], stream: true });
    const text = await sameThrough(chat, async (origin) => {
      const url = `${origin}/v1/chat/completions`;
      const { stdout } = await exec("curl", ["-sN", "-H", "content-type: application/json", "-d", body, url]);
      return stdout.replaceAll(/"(id|created|timings)":("[^"]*"|\d+|\{[^}]*\})/g, '"$1":0');
    });
    expect(text).toMatch(/^data: \{.*\ndata: \[DONE\]\n\n$/s);
  });

  test("over the host's socket as well", async () => {
    const body = JSON.stringify({ model: ALIAS, messages: [ASK] });
    const url = "http://gateway/v1/chat/completions";
    const type = "content-type: application/json";
    const socket = ["--unix-socket", chat.gateway.socket];
    const { stdout } = await exec("curl", ["-s", ...socket, "-H", type, "-d", body, url]);
    expect(JSON.parse(stdout)).toMatchObject({ choices: [{ message: { content: ECHO_ANSWER } }] });
  });
});

test("all of it is in the log: every request has one ending, and the answers are the ones that clients got", async () => {
  const { requests, records } = await readLog(chat.gateway.log);
  const endings = [...requests.values()];
  expect(endings.filter(({ endings }) => endings.length !== 1)).toEqual([]);
  expect(endings.filter(({ answer }) => answer === ECHO_ANSWER).length).toBeGreaterThan(3);
  const routes = records.flatMap((record) => (record.type === "req" ? [record.route] : []));
  expect(new Set(routes).size).toBeGreaterThanOrEqual(4);
});
