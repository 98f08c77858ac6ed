import { mkdtemp } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { askLocal } from "../../src/shared/local-http.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(handler: RequestListener, path?: string): Promise<number> {
  const server = createServer(handler);
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) =>
    path === undefined ? server.listen(0, "127.0.0.1", resolve) : server.listen(path, resolve),
  );
  return path === undefined ? (server.address() as AddressInfo).port : 0;
}

function echo(...[request, response]: Parameters<RequestListener>): void {
  let body = "";
  request.on("data", (chunk) => (body += String(chunk)));
  request.on("end", () => response.writeHead(418).end(`${request.method} ${request.url} ${body}`));
}

const unreachable = { class: "unavailable", code: "LOCAL_SERVER_UNREACHABLE" };

describe("askLocal", () => {
  test("asks over a port and over a Unix socket, and gives status and body whatever the status", async () => {
    const port = await listen(echo);
    expect(await askLocal({ port }, { method: "POST", path: "/a", body: "{}" })).toEqual({
      status: 418,
      body: "POST /a {}",
    });
    const socketPath = join(await mkdtemp(join(tmpdir(), "local-")), "s");
    await listen(echo, socketPath);
    expect((await askLocal({ socketPath }, { method: "GET", path: "/b" })).body).toBe("GET /b ");
  });

  test("fails where nobody listens, on an answer without end, on one that is too long and on one that breaks off", async () => {
    await expect(askLocal({ socketPath: "/nowhere/s" }, { method: "GET", path: "/" })).rejects.toMatchObject(
      unreachable,
    );
    const silent = await listen(() => {});
    await expect(
      askLocal({ port: silent }, { method: "GET", path: "/", timeoutMs: 50 }),
    ).rejects.toMatchObject(unreachable);
    const long = await listen((_, response) => void response.end("x".repeat(1_000)));
    await expect(
      askLocal({ port: long }, { method: "GET", path: "/", limitBytes: 999 }),
    ).rejects.toMatchObject(unreachable);
    const cut = await listen((_, response) => {
      response.writeHead(200, { "content-length": 10 });
      response.write("x", () => response.destroy());
    });
    await expect(askLocal({ port: cut }, { method: "GET", path: "/" })).rejects.toMatchObject(unreachable);
  });
});
