import type { IncomingMessage } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startGateway } from "../../../bench/gateway/gateway.ts";
import { askLocal } from "../../../src/shared/local-http.ts";
import { answerOf, ask, begin, closed } from "./client.ts";
import { CHAT, DONE, drained, frame, json, LAST_FRAME, startUpstream } from "./upstream.ts";

const STREAM = { body: { model: "demo", stream: true, messages: [{ role: "user", content: "Hi" }] } };
const READERS = 12;
const EVENT = frame("y".repeat(65_536));
const EVENTS = 500;
const ANSWER_BYTES = EVENT.length * EVENTS + LAST_FRAME.length + DONE.length;
/**
 * The kernel takes some MiB of each answer before its reader holds anything up, and what the gateway has read of that it holds a few
 * times until its garbage is collected. Without holding up, the same readers cost it more than 1 GiB.
 */
const GROWTH_BYTES = 256 << 20;
/** Once its garbage is collected, it holds the text that it has read, and of each answer a few hundred KiB on their way to the kernel. */
const HELD_PER_BYTE = 1.5;
const REST_MS = 1_000;
const PROBE = join(import.meta.dirname, "../../../bench/gateway/memory-probe.ts");

test("readers that do not read cost the gateway a bounded piece of memory, and get all in the end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slow-"));
  let written = 0;
  const upstream = await startUpstream(async (response, received) => {
    // As llama-server without --metrics answers: nobody counts what a test plays.
    if (received.method === "GET")
      return json({}, received.url === "/metrics" ? 501 : 200)(response, received);
    if (!received.body.includes("stream")) return json(CHAT)(response, received);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const one of [...Array<string>(EVENTS).fill(EVENT), LAST_FRAME, DONE]) {
      if (response.destroyed) return;
      written += one.length;
      if (!response.write(one)) await drained(response);
    }
    response.end();
  });
  const probe = join(folder, "probe.sock");
  const gateway = await startGateway({
    folder,
    upstreamSocket: upstream.socketPath,
    env: { NODE_OPTIONS: `--expose-gc --import ${PROBE}`, MEMORY_PROBE: probe },
  });

  async function residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${gateway.program().pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
  }

  async function heldBytes(): Promise<number> {
    return Number((await askLocal({ socketPath: probe }, { method: "GET", path: "/" })).body);
  }

  async function untilAtRest(): Promise<void> {
    for (let before = -1; before !== written; await sleep(REST_MS)) before = written;
  }

  const answers: IncomingMessage[] = [];
  try {
    expect((await ask(gateway)).status).toBe(200);
    const before = await residentBytes();
    const heldBefore = await heldBytes();
    for (let count = 0; count < READERS; count += 1) {
      const answer = await answerOf(begin(gateway, STREAM));
      answers.push(answer.on("error", () => undefined).pause());
    }
    await untilAtRest();
    expect(written).toBeGreaterThan(READERS * EVENT.length);
    expect(written).toBeLessThan((READERS * ANSWER_BYTES) / 4);
    expect((await residentBytes()) - before).toBeLessThan(GROWTH_BYTES);
    const held = (await heldBytes()) - heldBefore;
    expect(held).toBeGreaterThan(0.5 * written);
    expect(held).toBeLessThan(HELD_PER_BYTE * written);
    const sizes = await Promise.all(answers.slice(0, 2).map(async (answer) => sizeOf(answer)));
    expect(sizes).toEqual([ANSWER_BYTES, ANSWER_BYTES]);
  } finally {
    for (const answer of answers) answer.destroy();
    await gateway.program().stop(10_000);
    await upstream.stop();
    await rm(folder, { recursive: true });
  }
});

async function sizeOf(answer: IncomingMessage): Promise<number> {
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => (bytes += chunk.length)).resume();
  await closed(answer);
  return bytes;
}
