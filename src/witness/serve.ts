import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { COSIGNATURE, readOrMakeKey, signerOf } from "../audit/notes/keys.ts";
import { messageOf } from "../shared/errors.ts";
import { judgeAddCheckpoint, type WitnessDeps } from "./judge.ts";
import { openWitnessState } from "./state.ts";

export type RunningWitness = { readonly vkey: string; close(): Promise<void> };

const MAX_BODY_BYTES = 64 << 10;
const NAME = "cloister-witness";
/** Says which key signs the log; only believed of a log that was never seen. */
export const LOG_KEY_HEADER = "x-cloister-log-key";

/** Listens on a Unix socket, with its key and its memory in `folder`. Throws AppError KEY_UNREADABLE (preflight). */
export async function serveWitness(options: {
  readonly socket: string;
  readonly folder: string;
}): Promise<RunningWitness> {
  const state = await openWitnessState(options.folder);
  const key = signerOf(NAME, COSIGNATURE, await readOrMakeKey(join(options.folder, "witness.key")));
  const deps: WitnessDeps = { state, key, now: () => Math.floor(Date.now() / 1000) };
  // One at a time: two requests must not both be compared with the same head.
  let last: Promise<unknown> = Promise.resolve();
  const server = createServer((request, response) => {
    const turn = last.then(async () => answer(request, response, deps));
    last = turn.catch((error: unknown) => send(response, 500, `${messageOf(error)}\n`));
  });
  server.requestTimeout = 10_000;
  await rm(options.socket, { force: true });
  await listen(server, options.socket);
  return {
    vkey: key.vkey,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, deps: WitnessDeps): Promise<void> {
  const url = new URL(request.url ?? "/", "http://witness");
  if (request.method === "GET" && url.pathname === "/health") return send(response, 200, "ok\n");
  if (request.method === "GET" && url.pathname === "/vkey") return send(response, 200, `${deps.key.vkey}\n`);
  if (request.method === "GET" && url.pathname === "/head") {
    const head = await deps.state.head(url.searchParams.get("origin") ?? "");
    return head === undefined ? send(response, 404, "unknown log\n") : send(response, 200, head.note);
  }
  if (request.method !== "POST" || url.pathname !== "/add-checkpoint")
    return send(response, 404, "no such thing\n");
  const body = await readBody(request);
  if (body === undefined) return send(response, 400, "too long\n");
  const logKey = request.headers[LOG_KEY_HEADER];
  const judged = await judgeAddCheckpoint(body, typeof logKey === "string" ? logKey : undefined, deps);
  if (judged.status === 409) response.setHeader("content-type", "text/x.tlog.size");
  send(response, judged.status, judged.body);
}

function send(response: ServerResponse, status: number, body: string): void {
  if (response.headersSent) return;
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "text/plain");
  response.writeHead(status, { "content-length": Buffer.byteLength(body) }).end(body);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part: Buffer = chunk;
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}
