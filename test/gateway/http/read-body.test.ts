import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
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
