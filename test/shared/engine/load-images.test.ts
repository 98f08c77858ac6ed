/**
 * A server on a Unix socket that gives an engine's broken answers: a real one does not give them on demand. What a real engine
 * answers is seen in test/appliance.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { connectEngine, type Engine } from "../../../src/shared/engine/engine.ts";
import { temporaryFolder } from "../../builder/temporary.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function engineThat(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Engine> {
  const socket = join(await temporaryFolder(), "docker.sock");
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return await connectEngine(`unix://${socket}`);
}

/** Takes the whole tar, then says these lines with status 200. */
const saying =
  (...lines: readonly string[]) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    request.resume().on("end", () => response.end(lines.map((line) => `${line}\r\n`).join("")));
  };

function* tar(): Generator<Uint8Array> {
  for (let chunk = 0; chunk < 64; chunk += 1) yield Buffer.alloc(1 << 16);
}
async function* broken(): AsyncGenerator<Uint8Array> {
  yield* tar();
  await Promise.reject(new Error("wrong byte"));
}

async function* source(): AsyncGenerator<Uint8Array> {
  yield* tar();
}

test("loadImages returns what the engine says it has loaded", async () => {
  const engine = await engineThat(
    saying(
      '{"stream":"Loaded image: localhost/a:1\\n"}',
      '{"status":"x"}',
      '{"stream":"Loaded image ID: sha256:1\\n"}',
    ),
  );
  expect(await engine.loadImages(source())).toEqual(["localhost/a:1", "sha256:1"]);
});

test.each([
  [
    "an error in a body with status 200",
    '{"error":"invalid diffID for layer 0"}',
    "invalid diffID for layer 0",
  ],
  ["an errorDetail alone", '{"errorDetail":{"message":"unexpected EOF"}}', "unexpected EOF"],
  ["a line that is no JSON", "<html>", "an answer that is no JSON"],
])("loadImages takes %s for a failure", async (_, line, part) => {
  const engine = await engineThat(saying('{"stream":"Loaded image: localhost/a:1\\n"}', line));
  const failure = engine.loadImages(source());
  await expect(failure).rejects.toMatchObject({ code: "ENGINE_REFUSED", exitCode: 6 });
  await expect(failure).rejects.toThrow(part);
});

test("loadImages says that the engine was lost where it breaks off before or in its answer", async () => {
  const before = await engineThat((request) => request.once("data", () => request.socket.destroy()));
  await expect(before.loadImages(source())).rejects.toMatchObject({ code: "ENGINE_LOST", exitCode: 6 });
  const within = await engineThat((request, response) => {
    request.resume().on("end", () => {
      response.write('{"stream":"Loading layer"}\r\n');
      setTimeout(() => response.destroy(), 50);
    });
  });
  await expect(within.loadImages(source())).rejects.toMatchObject({ code: "ENGINE_LOST", exitCode: 6 });
});

test("loadImages throws what its source throws, and the engine sees the stream break off", async () => {
  const cut = Promise.withResolvers<void>();
  const engine = await engineThat((request) => request.resume().once("aborted", () => cut.resolve()));
  await expect(engine.loadImages(broken())).rejects.toThrow("wrong byte");
  await cut.promise;
});

test("loadImages ends when it is told to", async () => {
  const abort = new AbortController();
  const engine = await engineThat((request) => request.once("data", () => abort.abort(new Error("told to"))));
  await expect(engine.loadImages(source(), { signal: abort.signal })).rejects.toThrow("told to");
});

test.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown]>([
  ["takes nothing", (request) => request.pause()],
  ["takes all and says nothing", (request) => request.resume()],
  [
    "stops in the middle of its answer",
    (request, response) => request.resume().on("end", () => response.write('{"stream":"x"}\r\n')),
  ],
])("loadImages takes an engine for lost that %s", async (_, answer) => {
  const engine = await engineThat((request, response) => void answer(request, response));
  const failure = engine.loadImages(source(), { silenceMs: 200 });
  await expect(failure).rejects.toMatchObject({ code: "ENGINE_LOST", exitCode: 6 });
});

test("an engine that is not there is a preflight failure that names its address", async () => {
  const engine = await connectEngine("unix:///nowhere/docker.sock");
  await expect(engine.info()).rejects.toMatchObject({ code: "ENGINE_ABSENT", exitCode: 5 });
  await expect(engine.info()).rejects.toThrow("unix:///nowhere/docker.sock");
});

test("a refusal is one sentence with the engine's own reason", async () => {
  const engine = await engineThat((_, response) => {
    response
      .writeHead(500, { "content-type": "application/json" })
      .end('{"message":"no space left on device"}');
  });
  await expect(engine.imagesNamed("a")).rejects.toMatchObject({
    code: "ENGINE_REFUSED",
    fields: { reason: "no space left on device" },
  });
});
