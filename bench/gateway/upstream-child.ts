/**
 * A stand-in for llama-server, in a process of its own: node bench/gateway/upstream-child.ts SOCKET PORT
 *
 * It answers chat completions as llama-server frames them, whole or as a paced stream (script.ts says how a client steers it), counts
 * tokens as its /metrics does, and tells at /stand-in/counts what it was asked. It listens on a Unix socket, and on a loopback port for
 * gateways that cannot speak to a Unix socket. It prints "ready" once it does both.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { answerText, parseScript, tokenText, type Script } from "./script.ts";

const [socketPath = "", port = ""] = process.argv.slice(2);
const PROMPT_TOKENS = 11;
const CREATED = 1_700_000_000;

/** `asked`: chat completions that arrived; `whole`: those whose last byte was handed to the system. */
const counts = { asked: 0, whole: 0, promptTokens: 0, predictedTokens: 0 };

for (const where of [{ path: socketPath }, { host: "127.0.0.1", port: Number(port) }]) {
  const server = createServer((request, response) => void answer(request, response));
  server.keepAliveTimeout = 600_000;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.listen(where);
  await once(server, "listening");
}
process.stdout.write("ready\n");

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await read(request);
  switch (request.url?.split("?")[0] ?? "") {
    case "/v1/chat/completions":
    case "/chat/completions":
      return await chat(body, response);
    case "/stand-in/counts":
      return json(response, counts);
    case "/health":
      return json(response, { status: "ok" });
    case "/v1/models":
    case "/models":
      return json(response, {
        object: "list",
        data: [{ id: "demo", object: "model", created: CREATED, owned_by: "llamacpp" }],
      });
    case "/metrics":
      response.end(metrics());
      return;
    default:
      response.statusCode = 404;
      return json(response, { error: { code: 404, message: "File Not Found", type: "not_found_error" } });
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.end(JSON.stringify(value));
}

async function chat(body: string, response: ServerResponse): Promise<void> {
  counts.asked += 1;
  const request: { readonly stream?: boolean; readonly messages?: readonly { readonly content: unknown }[] } =
    JSON.parse(body);
  const content = request.messages?.at(-1)?.content;
  const script = parseScript(typeof content === "string" ? content : JSON.stringify(content ?? ""));
  counts.promptTokens += PROMPT_TOKENS;
  await (request.stream === true ? stream(script, response) : whole(script, response));
}

async function whole(script: Script, response: ServerResponse): Promise<void> {
  if (script.intervalMs > 0) await sleep(script.intervalMs * script.tokens);
  counts.predictedTokens += script.tokens;
  counts.whole += 1;
  json(response, {
    choices: [
      { finish_reason: "stop", index: 0, message: { role: "assistant", content: answerText(script) } },
    ],
    created: CREATED,
    model: "demo",
    system_fingerprint: "stand-in",
    object: "chat.completion",
    usage: usageOf(script),
    id: `chatcmpl-${script.nonce}`,
  });
}

async function stream(script: Script, response: ServerResponse): Promise<void> {
  response.setHeader("content-type", "text/event-stream");
  // As llama-server does: every frame goes out by itself.
  response.socket?.setNoDelay(true);
  response.write(frame(script, { role: "assistant", content: null }));
  const began = performance.now();
  for (let index = 0; index < script.tokens; index += 1) {
    if (script.dieAfter > 0 && index === script.dieAfter) return void response.destroy();
    const waitMs = began + script.intervalMs * (index + 1) - performance.now();
    if (script.intervalMs > 0) await sleep(Math.max(waitMs, 0));
    if (response.destroyed) return;
    counts.predictedTokens += 1;
    if (!response.write(frame(script, { content: tokenText(script, index) })))
      await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.write(frame(script, {}, "stop"));
  response.end("data: [DONE]\n\n");
  counts.whole += 1;
}

function frame(script: Script, delta: unknown, finish: string | null = null): string {
  return `data: ${JSON.stringify({
    choices: [{ finish_reason: finish, index: 0, delta }],
    created: CREATED,
    id: `chatcmpl-${script.nonce}`,
    model: "demo",
    system_fingerprint: "stand-in",
    object: "chat.completion.chunk",
    ...(finish === null ? {} : { usage: usageOf(script) }),
  })}\n\n`;
}

function usageOf({ tokens }: Script) {
  return { completion_tokens: tokens, prompt_tokens: PROMPT_TOKENS, total_tokens: tokens + PROMPT_TOKENS };
}

function metrics(): string {
  return [
    ["prompt_tokens_total", counts.promptTokens],
    ["prompt_tokens_cached_total", 0],
    ["tokens_predicted_total", counts.predictedTokens],
  ]
    .map(([name, value]) => `# TYPE llamacpp:${name} counter\nllamacpp:${name} ${value}\n`)
    .join("");
}
