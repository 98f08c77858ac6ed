import { rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildLauncher, type Launcher, start } from "./launcher.ts";

let launcher: Launcher;
let socket: string;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  launcher = await buildLauncher();
  socket = join(launcher.folder, "server.sock");
});

afterEach(async () => {
  await stop?.();
  stop = undefined;
});

afterAll(async () => {
  await rm(launcher.folder, { recursive: true });
});

async function listen(server: Server): Promise<void> {
  const connections = new Set<Socket>();
  server.on("connection", (connection: Socket) => {
    connections.add(connection);
    connection.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  stop = async () => {
    for (const connection of connections) connection.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
}

/** An HTTP server with one answer for everything; returns the requests that it saw. */
async function answering(status: number, body: string): Promise<string[]> {
  const seen: string[] = [];
  await listen(
    createHttpServer((request, response) => {
      seen.push(`${request.method ?? ""} ${request.url ?? ""}`);
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    }),
  );
  return seen;
}

/** A server that writes these bytes and, unless told to, never closes. */
async function talking(bytes: string, end: "ends" | "stays"): Promise<void> {
  await listen(
    createServer((connection) => {
      connection.resume();
      if (end === "ends") connection.end(bytes, "latin1");
      else connection.write(bytes, "latin1");
    }),
  );
}

async function health(timeoutMs = 1_000) {
  const began = performance.now();
  const result = await start(launcher.path, [
    "health",
    "--socket",
    socket,
    "--timeout-ms",
    String(timeoutMs),
  ]);
  return { exitCode: result.exitCode, stderr: result.stderr, tookMs: performance.now() - began };
}

function unhealthy(reason: string): string {
  return `cloister-launcher: Cannot find the server on "${socket}" healthy: ${reason}, expected 200 with status ok`;
}

test.each(['{"status":"ok"}', '{\n  "status" : "ok",\n  "slots": 2\n}\n'])(
  "exits 0 and stays silent on 200 with %j",
  async (body) => {
    const seen = await answering(200, body);
    expect(await health()).toMatchObject({ exitCode: 0, stderr: "" });
    expect(seen).toEqual(["GET /health"]);
  },
);

test("exits 0 as soon as the answer is there, also where the server keeps the connection", async () => {
  await talking('HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}', "stays");
  const result = await health(5_000);
  expect(result.exitCode).toBe(0);
  expect(result.tookMs).toBeLessThan(4_000);
});

test.each([
  [503, '{"error":{"message":"Loading model"}}', "it answers 503"],
  [503, '{"status":"ok"}', "it answers 503"],
  [404, "", "it answers 404"],
  [200, '{"status":"loading"}', "its answer does not say ok"],
  [200, String.raw`{"error":"\"status\":\"ok\""}`, "its answer does not say ok"],
  [200, "", "its answer does not say ok"],
])("exits 1 on %i with %j", async (status, body, reason) => {
  await answering(status, body);
  expect(await health()).toMatchObject({ exitCode: 1, stderr: unhealthy(reason) });
});

test.each([
  ["nothing at all", "", "it does not answer in HTTP"],
  ["garbage", "\0\xff\xfe\x01garbage\r\n\r\n", "it does not answer in HTTP"],
  ["ok in a header only", 'HTTP/1.1 200 OK\r\nX: {"status":"ok"}\r\n\r\n', "its answer does not say ok"],
  ["a header without end", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(100_000)}`, "its answer does not say ok"],
])("exits 1 on a server that sends %s and closes", async (_, bytes, reason) => {
  await talking(bytes, "ends");
  expect(await health()).toMatchObject({ exitCode: 1, stderr: unhealthy(reason) });
});

test.each([
  ["nothing", ""],
  ["a status line", "HTTP/1.1 200 OK\r\n"],
  ["half an answer", 'HTTP/1.1 200 OK\r\n\r\n{"status":"'],
])("exits 1 in time on a server that sends %s and hangs", async (_, bytes) => {
  await talking(bytes, "stays");
  const result = await health(300);
  expect(result).toMatchObject({ exitCode: 1, stderr: unhealthy("it did not answer in time") });
  expect(result.tookMs).toBeGreaterThanOrEqual(295);
  expect(result.tookMs).toBeLessThan(4_000);
});

test("exits 1 in time on a server that drips without end", async () => {
  await listen(
    createServer((connection) => {
      const drip = setInterval(() => connection.write("x"), 50);
      connection.on("close", () => {
        clearInterval(drip);
      });
    }),
  );
  const result = await health(300);
  expect(result.exitCode).toBe(1);
  expect(result.tookMs).toBeLessThan(4_000);
});

test("exits 1 where nobody listens and where no socket can be", async () => {
  expect(await health()).toMatchObject({ exitCode: 1, stderr: unhealthy("No such file or directory") });
  const long = await start(launcher.path, ["health", "--socket", `/${"x".repeat(200)}`]);
  expect(long).toMatchObject({ exitCode: 1 });
  expect(long.stderr).toContain("File name too long");
});
