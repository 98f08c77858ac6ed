/** A listener for HTTP/1.1 by node's strict parser, with limits; what is no request leaves through `onRefused`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { refusalBody, type Refusal } from "./refusal.ts";

export type DoorHandlers = {
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onRefused: (method: string, refusal: Refusal) => void;
};

const MAX_HEADER_BYTES = 16_384;
const HEADERS_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 120_000;
/** Longer than clients keep a connection that they do not use, so that none is closed under a request. */
const KEEP_ALIVE_MS = 75_000;

const BAD_HTTP: Refusal = {
  status: 400,
  code: "bad_http",
  message: "The request is no HTTP that is taken here",
};
const REFUSALS: Readonly<Partial<Record<string, Refusal>>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: "headers_too_large", message: "The headers are too large" },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: "request_timeout",
    message: "The request took too long to arrive",
  },
};
const LEFT: ReadonlySet<string> = new Set(["ECONNRESET", "HPE_INVALID_EOF_STATE"]);
const NO_TUNNEL: Refusal = { status: 405, code: "method_not_allowed", message: "There is no proxy here" };

export function createDoor({ onRequest, onRefused }: DoorHandlers): Server {
  const answering = new WeakMap<Duplex, ServerResponse>();
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      insecureHTTPParser: false,
      // Node would answer by itself, and nobody would write it down.
      requireHostHeader: false,
      noDelay: true,
    },
    take,
  );

  function take(request: IncomingMessage, response: ServerResponse): void {
    answering.set(request.socket, response);
    onRequest(request, response);
  }

  /** Smuggled lengths, broken headers, headers that are too long or come too slowly. */
  function refuse(method: string, refusal: Refusal, socket: Duplex): void {
    onRefused(method, refusal);
    if (isAnswering(answering.get(socket))) return void socket.destroy();
    const body = refusalBody(refusal, "openai");
    socket.end(
      `HTTP/1.1 ${refusal.status} Refused\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // Nobody is left to be told; a request that this cut short says so itself.
    if (!socket.writable || LEFT.has(error.code ?? "")) return void socket.destroy();
    refuse("", REFUSALS[error.code ?? ""] ?? BAD_HTTP, socket);
  });
  server.on("connect", (_, socket) => refuse("CONNECT", NO_TUNNEL, socket));
  // Whatever it expects, it gets an answer.
  server.on("checkExpectation", take);
  return server;
}

/** Whatever else were written then would be taken for the answer, or a part of it. */
function isAnswering(response: ServerResponse | undefined): boolean {
  if (response === undefined || response.writableFinished) return false;
  return response.headersSent || response.req.complete;
}
