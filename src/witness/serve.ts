import { isUtf8 } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { LOG_KEY_HEADER } from "../audit/notes/add-checkpoint.ts";
import { COSIGNATURE, readOrMakeKey, signerOf } from "../audit/notes/keys.ts";
import { messageOf } from "../shared/errors.ts";
import { endServer, listenOnSocket } from "../shared/listen.ts";
import { judgeAddCheckpoint, type WitnessAnswer, type WitnessDeps } from "./judge.ts";
import { openWitnessState, originHash, type Head } from "./state.ts";

export type RunningWitness = { readonly vkey: string; close(): Promise<void> };

type Judge = (submitted: { body: string; logKey: string | undefined }) => Promise<WitnessAnswer>;
type AnswerDeps = WitnessDeps & { readonly judge: Judge };

const MAX_BODY_BYTES = 64 << 10;
export const WITNESS_NAME = "cloister-witness";

/** Listens on a Unix socket, with its key and its memory in `folder`. Throws AppError KEY_UNREADABLE (preflight). */
export async function serveWitness(options: {
  readonly socket: string;
  readonly folder: string;
}): Promise<RunningWitness> {
  const state = await openWitnessState(options.folder);
  const key = signerOf(WITNESS_NAME, COSIGNATURE, await readOrMakeKey(join(options.folder, "witness.key")));
  const deps: WitnessDeps = { state, key, now: () => Math.floor(Date.now() / 1000) };
  const judge = oneAtATime(async ({ body, logKey }) => await judgeAddCheckpoint(body, logKey, deps));
  const server = createServer((request, response) => {
    answer(request, response, { ...deps, judge }).catch((error: unknown) =>
      send(response, 500, `${messageOf(error)}\n`),
    );
  });
  server.requestTimeout = 10_000;
  await listenOnSocket(server, options.socket);
  return {
    vkey: key.vkey,
    close: async () => await endServer(server),
  };
}

/** Two checkpoints must not both be compared with the same head. Who sends slowly keeps nobody waiting: the body is here by then. */
function oneAtATime(judge: Judge): Judge {
  let last: Promise<unknown> = Promise.resolve();
  return async (submitted) => {
    const turn = last.then(async () => await judge(submitted));
    last = turn.catch(() => undefined);
    return await turn;
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, deps: AnswerDeps): Promise<void> {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  if (request.method === "POST" && path === "/add-checkpoint") return await judged(request, response, deps);
  if (request.method !== "GET") return send(response, 404, "no such thing\n");
  if (path === "/health") return send(response, 200, "ok\n");
  if (path === "/vkey") return send(response, 200, `${deps.key.vkey}\n`);
  const head = await askedHead(path, query, deps);
  return head === undefined ? send(response, 404, "unknown log\n") : send(response, 200, head.note);
}

async function judged(
  request: IncomingMessage,
  response: ServerResponse,
  { judge }: AnswerDeps,
): Promise<void> {
  const body = await readBody(request);
  // What is still on its way is not waited for.
  if (body === undefined) response.setHeader("connection", "close");
  if (body === undefined) return send(response, 400, "too long, or not UTF-8\n");
  const logKey = request.headers[LOG_KEY_HEADER];
  const { status, body: said } = await judge({
    body,
    logKey: typeof logKey === "string" ? logKey : undefined,
  });
  if (status === 409) response.setHeader("content-type", "text/x.tlog.size");
  send(response, status, said);
}

/** By origin, or as the specification has it: /<hash of the origin>/checkpoint. */
async function askedHead(path: string, query: string, { state }: AnswerDeps): Promise<Head | undefined> {
  if (path === "/head") return await state.head(new URLSearchParams(query).get("origin") ?? "");
  const [, hash] = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path) ?? [];
  if (hash === undefined) return undefined;
  return (await state.heads()).find(({ origin }) => originHash(origin) === hash);
}

function send(response: ServerResponse, status: number, body: string): void {
  if (response.headersSent) return;
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "text/plain; charset=utf-8");
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
  const whole = Buffer.concat(chunks);
  return isUtf8(whole) ? whole.toString("utf8") : undefined;
}
