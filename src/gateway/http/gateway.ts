/** HTTP on one side, llama-server's Unix socket on the other, and the log between. */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Pool } from "undici";
import type { AuditLog } from "../../audit/audit-log.ts";
import type { Attribution, DurabilityMode, Usage } from "../../audit/record.ts";
import { attribute, type Door, type IdentityOptions } from "../identity/attribute.ts";
import { createMatcher, type Family, type Route } from "../routes/table.ts";
import { checkBody } from "./check-body.ts";
import { createExchange, type Exchange } from "./exchange.ts";
import { genAiOf } from "./gen-ai.ts";
import { corsHeaders, requestHeaders } from "./headers.ts";
import { askModels, type Health } from "./own-routes.ts";
import { readBody } from "./read-body.ts";
import {
  AUDIT_UNAVAILABLE,
  DISK_LOW,
  refusalBody,
  SHUTTING_DOWN,
  UPSTREAM_GONE,
  type Refusal,
} from "./refusal.ts";

export type GatewayOptions = {
  readonly upstreamSocket: string;
  readonly alias: string;
  readonly mode: DurabilityMode;
  readonly identity: IdentityOptions;
  readonly native: readonly string[];
  readonly maxBodyBytes: number;
  readonly allowOrigins: readonly string[];
};

export type GatewayDeps = {
  readonly log: AuditLog;
  /** Whether there is room on the disk for a new request. */
  readonly hasRoom: () => boolean;
  readonly health: () => Promise<Health>;
  readonly answered: (usage: Usage | undefined) => void;
  /** Something went wrong that no client can be told more of. */
  readonly onDefect: (error: unknown) => void;
};

export type Gateway = {
  /** A server for this door; it listens where its owner lets it. */
  server(door: Door): Server;
  /** Requests under way, and how many there have ever been. */
  activity(): { readonly inFlight: number; readonly begun: number };
  /** Takes no more requests, ends those under way with a record each, and the connections with them. */
  close(): Promise<void>;
};

type Asked = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly door: Door;
  readonly id: string;
  readonly path: string;
  /** Of ours, on every answer. */
  readonly headers: Readonly<Record<string, string>>;
};

const ID_BYTES = 9;
const MAX_HEADER_BYTES = 16_384;
const HEADERS_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 120_000;
/** Longer than clients keep a connection that they do not use, so that none is closed under a request. */
const KEEP_ALIVE_MS = 75_000;
const DRAIN_MS = 4_000;

export function createGateway(options: GatewayOptions, deps: GatewayDeps): Gateway {
  const { log } = deps;
  const match = createMatcher(options.native);
  // Local models think for minutes: how long an answer may take is its client's to say.
  const pool = new Pool("http://llama", {
    socketPath: options.upstreamSocket,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const exchanges = new Set<Exchange>();
  const servers = new Set<Server>();
  let begun = 0;
  let underWay = 0;
  let closing = false;

  async function handle(asked: Asked): Promise<void> {
    const { request, response, path } = asked;
    const method = request.method ?? "";
    if (method === "OPTIONS") return sendText(asked, 204, "");
    const found = match(method, path);
    if (found.kind === "health") return await sendHealth(asked);
    const who = await attribute(request.headers, asked.door, options.identity);
    if ("code" in who) return reject(asked, { route: "unknown", refusal: who });
    const rest = { who, route: path.slice(0, 100) };
    switch (found.kind) {
      case "models":
        return await sendModels(asked, who);
      case "denied":
        return reject(asked, { ...rest, refusal: { status: 403, code: "route_denied", message: found.why } });
      case "wrong-method":
        response.setHeader("allow", found.allowed);
        return reject(asked, {
          ...rest,
          refusal: {
            status: 405,
            code: "method_not_allowed",
            message: `${found.path} takes ${found.allowed}`,
          },
        });
      case "unknown":
        return reject(asked, {
          who,
          route: "unknown",
          refusal: { status: 404, code: "route_unknown", message: "There is no such route" },
        });
      case "forward":
        return await forward(asked, found.route, who);
    }
  }

  async function forward(asked: Asked, route: Route, who: Attribution): Promise<void> {
    const { request, response, id } = asked;
    const refused = (refusal: Refusal): void =>
      reject(asked, { route: route.name, family: route.family, who, refusal });
    if (closing) return refused(SHUTTING_DOWN);
    if (!deps.hasRoom()) return refused(DISK_LOW);
    const body = await readBody(request, options.maxBodyBytes);
    if (body === "gone")
      return refused({ status: 499, code: "client_gone", message: "The client went away" });
    if ("code" in body) return refused(body);
    const checked = checkBody(body, options.alias);
    if ("code" in checked) return refused(checked);
    begun += 1;
    underWay += 1;
    const recorded = await record(body, {
      type: "req",
      id,
      method: "POST",
      route: route.name,
      who,
      genAi: genAiOf(route, checked.fields, options.alias),
    });
    if (recorded === undefined) {
      underWay -= 1;
      return send(asked, AUDIT_UNAVAILABLE, route.family);
    }
    const exchange = createExchange(
      {
        id,
        req: recorded.seq,
        kind: route.kind,
        mode: options.mode,
        key: recorded.key,
        headers: asked.headers,
      },
      { log, response, refuse: (refusal) => send(asked, refusal, route.family), answered: deps.answered },
    );
    exchanges.add(exchange);
    void exchange.done.finally(() => {
      underWay -= 1;
      exchanges.delete(exchange);
    });
    pool.dispatch(
      { method: "POST", path: route.path, headers: requestHeaders(request.headers, body.length), body },
      exchange.handler,
    );
  }

  /** On the disk when it resolves; undefined where that is not possible. */
  async function record(body: Buffer, entry: Parameters<AuditLog["append"]>[0] & { type: "req" }) {
    try {
      const key = await log.contentKey(entry.who.user ?? "-");
      const { seq, durable } = log.append(entry, { bytes: body, key });
      if (options.mode !== "async") await durable;
      return { seq, key };
    } catch (error) {
      if (log.state().kind === "open") deps.onDefect(error);
      return undefined;
    }
  }

  async function sendModels(asked: Asked, who: Attribution): Promise<void> {
    const models = await askModels(options.upstreamSocket);
    if (models === undefined) return reject(asked, { route: "models", who, refusal: UPSTREAM_GONE });
    sendText(asked, 200, models);
  }

  async function sendHealth(asked: Asked): Promise<void> {
    const health = await deps.health();
    sendText(
      asked,
      health.status === "ok" || health.status === "degraded" ? 200 : 503,
      JSON.stringify(health),
    );
  }

  /** A refusal that cannot be written down is still a refusal. */
  function reject(
    asked: Asked,
    of: {
      readonly refusal: Refusal;
      readonly route: string;
      readonly who?: Attribution;
      readonly family?: Family;
    },
  ): void {
    recordReject({
      id: asked.id,
      method: (asked.request.method ?? "").slice(0, 16),
      route: of.route,
      refusal: of.refusal,
      ...(of.who === undefined ? {} : { who: of.who }),
    });
    send(asked, of.refusal, of.family ?? "openai");
  }

  function recordReject(of: {
    readonly id: string;
    readonly method: string;
    readonly route: string;
    readonly who?: Attribution;
    readonly refusal: Refusal;
  }): void {
    if (log.state().kind === "closed") return;
    const { refusal, ...rest } = of;
    const { status, code } = refusal;
    log.append({ type: "reject", ...rest, status, code });
  }

  function server(door: Door): Server {
    const one = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        insecureHTTPParser: false,
        noDelay: true,
      },
      (request, response) => {
        const { origin } = request.headers;
        const [path = ""] = (request.url ?? "").split("?");
        const id = randomBytes(ID_BYTES).toString("base64url");
        const headers = { "x-request-id": id, ...corsHeaders(origin, options.allowOrigins) };
        const asked = { request, response, door, id, path, headers };
        handle(asked).catch((error: unknown) => {
          deps.onDefect(error);
          if (response.headersSent) response.destroy();
          else send(asked, { status: 500, code: "gateway_defect", message: "The gateway failed" }, "openai");
        });
      },
    );
    one.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseBytes(error, socket));
    servers.add(one);
    return one;
  }

  /** What node's strict parser does not take: smuggled lengths, broken headers, headers that are too long or too slow. */
  function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
    const status =
      error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
    const id = randomBytes(ID_BYTES).toString("base64url");
    const refusal = { status, code: "bad_http", message: "The request is no HTTP that is taken here" };
    recordReject({ id, method: "", route: "unknown", refusal });
    const body = refusalBody(refusal, "openai");
    socket.end(
      `HTTP/1.1 ${status} Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  return {
    server,
    activity: () => ({ inFlight: underWay, begun }),
    close: async () => {
      closing = true;
      for (const one of servers) one.close();
      for (const exchange of exchanges) exchange.abort();
      const late = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_MS).unref());
      await Promise.race([Promise.all([...exchanges].map(async ({ done }) => done)), late]);
      for (const one of servers) one.closeAllConnections();
      await pool.destroy();
    },
  };
}

function send(asked: Asked, refusal: Refusal, family: Family): void {
  const { response, request } = asked;
  if (response.headersSent) return;
  if (refusal.retryAfter !== undefined) response.setHeader("retry-after", refusal.retryAfter);
  // What is left of a body that nobody will read must not be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  sendText(asked, refusal.status, refusalBody(refusal, family));
}

function sendText({ response, headers }: Asked, status: number, body: string): void {
  const type = body === "" ? {} : { "content-type": "application/json" };
  response.writeHead(status, { ...headers, ...type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
