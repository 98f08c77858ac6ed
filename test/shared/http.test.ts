import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { openHttp, type Http } from "../../src/shared/http.ts";
import {
  answerWith,
  breakEvery,
  startLoopback,
  type Breaking,
  type Handler,
  type Loopback,
} from "./loopback.ts";

const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff));

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function serve(handler: Handler): Promise<Loopback> {
  const server = await startLoopback(handler);
  open.push(server);
  return server;
}

function client(notes: string[] = [], env: NodeJS.ProcessEnv = {}): Http {
  const http = openHttp({
    env,
    retryDelaysMs: [0, 0, 0],
    reporter: { step: () => {}, progress: () => {}, note: (text) => notes.push(text) },
  });
  open.push(http);
  return http;
}

async function bytesOf(body: AsyncIterable<Uint8Array>, ...breaking: readonly Breaking[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    received += chunk.length;
    for (const one of breaking) one.arrived(received);
  }
  return Buffer.concat(chunks);
}

function inTurn(...handlers: readonly Handler[]): Handler {
  let turn = 0;
  return (request, response) => {
    const handler = handlers[Math.min(turn, handlers.length - 1)];
    turn += 1;
    handler?.(request, response);
  };
}

function tagged(tag: string, handler: Handler): Handler {
  return (request, response) => {
    response.setHeader("etag", tag);
    handler(request, response);
  };
}

const reset: Handler = (request) => void request.socket.resetAndDestroy();

describe("get", () => {
  test("brings the bytes, their number and the address", async () => {
    const server = await serve(answerWith(BYTES));
    const response = await client().get(`${server.url}file?signature=secret`);
    expect(response).toMatchObject({ status: 200, sizeBytes: BYTES.length, offset: 0 });
    expect((await bytesOf(response.body)).equals(BYTES)).toBe(true);
  });

  test("asks for the rest from an offset and tells the size of the whole", async () => {
    const server = await serve(answerWith(BYTES));
    const response = await client().get(`${server.url}file`, { offset: 150_000 });
    expect(response).toMatchObject({ status: 206, sizeBytes: BYTES.length, offset: 150_000 });
    expect((await bytesOf(response.body)).equals(BYTES.subarray(150_000))).toBe(true);
    expect(server.requests).toEqual(["/file bytes=150000-"]);
  });

  test("resumes a body that breaks off, each time from where it broke", async () => {
    const breaking = breakEvery(BYTES, 70_000);
    const server = await serve(inTurn(breaking.handler, breaking.handler, answerWith(BYTES)));
    const notes: string[] = [];
    const response = await client(notes).get(`${server.url}file`);
    expect((await bytesOf(response.body, breaking)).equals(BYTES)).toBe(true);
    expect(server.requests).toEqual(["/file", "/file bytes=70000-", "/file bytes=140000-"]);
    expect(notes).toHaveLength(2);
  });

  test("skips what it has where the server knows no ranges", async () => {
    const whole: Handler = (_, response) => void response.end(BYTES);
    const breaking = breakEvery(BYTES, 70_000);
    const server = await serve(inTurn(breaking.handler, whole));
    const response = await client().get(`${server.url}file`);
    expect((await bytesOf(response.body, breaking)).equals(BYTES)).toBe(true);
  });

  test("gives up with HTTP_CUT_SHORT where it breaks off again and again", async () => {
    const breaking = breakEvery(BYTES, 1_000);
    const server = await serve(breaking.handler);
    const response = await client().get(`${server.url}file`);
    await expect(bytesOf(response.body, breaking)).rejects.toMatchObject({
      code: "HTTP_CUT_SHORT",
      class: "unavailable",
    });
    expect(server.requests).toHaveLength(4);
  });

  test("never joins two versions of a file", async () => {
    const breaking = breakEvery(BYTES, 1_000);
    const server = await serve(inTurn(tagged('"one"', breaking.handler), tagged('"two"', answerWith(BYTES))));
    const response = await client().get(`${server.url}file`);
    await expect(bytesOf(response.body, breaking)).rejects.toMatchObject({ code: "HTTP_CUT_SHORT" });
  });

  test.each([502, 503, 504])("tries again after %i and says so", async (status) => {
    const busy: Handler = (_, response) => void response.writeHead(status).end();
    const server = await serve(inTurn(busy, busy, answerWith(BYTES)));
    const notes: string[] = [];
    expect(await client(notes).get(`${server.url}file`)).toMatchObject({ status: 200 });
    expect(notes).toHaveLength(2);
    expect(notes[0]).toContain(String(status));
  });

  test.each([404, 410, 403, 500])("hands on %i at once, without a body", async (status) => {
    const server = await serve((_, response) => void response.writeHead(status).end("no such file"));
    const response = await client().get(`${server.url}file`);
    expect(response.status).toBe(status);
    expect(await bytesOf(response.body)).toHaveLength(0);
    expect(server.requests).toHaveLength(1);
  });

  test("tries a reset connection again", async () => {
    const server = await serve(inTurn(reset, answerWith(BYTES)));
    expect(await client().get(`${server.url}file`)).toMatchObject({ status: 200 });
  });

  test("says HTTP_UNREACHABLE at once where nobody listens", async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
    const address = probe.address();
    await new Promise((resolve) => probe.close(resolve));
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const notes: string[] = [];
    const attempt = client(notes).get(`http://127.0.0.1:${port}/file`);
    await expect(attempt).rejects.toMatchObject({ code: "HTTP_UNREACHABLE", class: "unavailable" });
    expect(notes).toEqual([]);
  });

  test("stops with the signal's reason", async () => {
    const server = await serve(
      (_, response) => void response.writeHead(200, { "content-length": 10 }).write("a"),
    );
    const abort = new AbortController();
    const response = await client().get(`${server.url}file`, { signal: abort.signal });
    const reading = bytesOf(response.body);
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
  });

  test("refuses an address that is not HTTP", async () => {
    await expect(client().get("file:///etc/passwd")).rejects.toMatchObject({ code: "URL_INVALID" });
  });
});

describe("redirects", () => {
  test("are followed, relative ones too, and the final address is told without credentials", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/a") response.writeHead(302, { location: "b" }).end();
      else response.end(request.headers.authorization ?? "none");
    });
    const response = await client().get(server.url.replace("//", "//me:hush@") + "a");
    expect((await bytesOf(response.body)).toString()).toBe(
      `Basic ${Buffer.from("me:hush").toString("base64")}`,
    );
    expect(response.url).toBe(`${server.url}b`);
  });

  test("carry no credentials to another server", async () => {
    const other = await serve(
      (request, response) => void response.end(request.headers.authorization ?? "none"),
    );
    const server = await serve((_, response) => void response.writeHead(307, { location: other.url }).end());
    const response = await client().get(server.url.replace("//", "//me:hush@"));
    expect((await bytesOf(response.body)).toString()).toBe("none");
  });

  test("end after five", async () => {
    const server = await serve((_, response) => void response.writeHead(302, { location: "/again" }).end());
    await expect(client().get(server.url)).rejects.toMatchObject({ code: "HTTP_REDIRECT" });
    expect(server.requests).toHaveLength(6);
  });

  test("lead to no other scheme", async () => {
    const server = await serve(
      (_, response) => void response.writeHead(302, { location: "ftp://x/y" }).end(),
    );
    await expect(client().get(server.url)).rejects.toMatchObject({ code: "URL_INVALID" });
  });
});

describe("credentials", () => {
  test("are in no message and in no field", async () => {
    const server = await serve((_, response) => void response.writeHead(503).end());
    const url = server.url.replace("//", "//me:hush@");
    await server.close();
    const notes: string[] = [];
    const error: unknown = await client(notes)
      .get(`${url}file?token=hush`)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "HTTP_UNREACHABLE", fields: { url: `${server.url}file` } });
    expect(String(error)).not.toContain("hush");
    expect(notes.join()).not.toContain("hush");
  });
});

describe("a proxy of the environment", () => {
  test("is asked instead of the server, unless no_proxy names the server", async () => {
    const proxy = await serve((request, response) => void response.end(`proxied ${request.url}`));
    const server = await serve((_, response) => void response.end("direct"));
    const read = async (env: NodeJS.ProcessEnv) =>
      (await bytesOf((await client([], env).get(`${server.url}x`)).body)).toString();
    expect(await read({ http_proxy: proxy.url, no_proxy: "127.0.0.1" })).toBe("direct");
    expect(await read({ http_proxy: proxy.url })).toBe(`proxied ${server.url}x`);
  });
});
