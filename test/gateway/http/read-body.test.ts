import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { readBody } from "../../../src/gateway/http/read-body.ts";

test("a client that left before anybody read is gone", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const call = request({ port, method: "POST", headers: { "content-length": "9" } }).on(
    "error",
    () => undefined,
  );
  call.write("{");
  const [received] = (await once(server, "request")) as [IncomingMessage];
  call.destroy();
  await new Promise((resolve) => received.on("close", resolve).on("error", () => undefined));
  expect(await readBody(received, 100)).toBe("gone");
  server.close();
});

test("a request that waits for its answer holds its body once", async () => {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const call = request({ port, method: "POST" }).on("error", () => undefined);
  const before = heldBytes(collect);
  const sent = once(call, "finish");
  call.end(Buffer.alloc(BODY_BYTES));
  const [received] = (await once(server, "request")) as [IncomingMessage];
  const body = await readBody(received, BODY_BYTES);
  await sent;
  expect(body).toHaveLength(BODY_BYTES);
  expect(heldBytes(collect) - before).toBeGreaterThan(0.9 * BODY_BYTES);
  expect(heldBytes(collect) - before).toBeLessThan(1.5 * BODY_BYTES);
  expect(received.complete).toBe(true);
  call.destroy();
  server.close();
});

const BODY_BYTES = 1 << 24;

function heldBytes(collect: unknown): number {
  if (typeof collect !== "function") throw new Error("Garbage cannot be collected here");
  collect();
  return process.memoryUsage().arrayBuffers;
}
