/** HTTP on one side, the Unix sockets of llama-servers on the other, and the log between. */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AuditLog } from "../../audit/audit-log.ts";
import { attribute, type Door, type IdentityOptions } from "../identity/attribute.ts";
import { createMatcher, type Match } from "../routes/table.ts";
import { sendRefusal, sendText, type Asked } from "./asked.ts";
import { createDoor } from "./door.ts";
import { createForwarder, type ForwardOptions } from "./forward.ts";
import { corsHeaders, isForeignOrigin } from "./headers.ts";
import { askModels, type Health } from "./own-routes.ts";
import { DEFECT, FOREIGN_ORIGIN, NO_HOST, NO_ROUTE, UPSTREAM_GONE } from "./refusal.ts";
import { createRejects } from "./rejects.ts";

export type GatewayOptions = ForwardOptions & {
  readonly identity: IdentityOptions;
  readonly native: readonly string[];
  readonly allowOrigins: readonly string[];
};

export type GatewayDeps = {
  readonly log: AuditLog;
  /** Whether there is room on the disk for a new request. */
  readonly hasRoom: () => boolean;
  readonly health: () => Promise<Health>;
  /** Something went wrong that no client can be told more of. */
  readonly onDefect: (error: unknown) => void;
};

export type Gateway = {
  /** A server for this door; it listens where its owner lets it. */
  server(door: Door): Server;
  /** Takes no more requests, ends those under way with a record each, and the connections with them, upstream's as well. */
  close(): Promise<void>;
};

const ID_BYTES = 9;
const DRAIN_MS = 4_000;

export function createGateway(options: GatewayOptions, deps: GatewayDeps): Gateway {
  const { log, hasRoom, onDefect } = deps;
  const match = createMatcher(options.native);
  const rejects = createRejects(log);
  const forwarder = createForwarder(options, { log, rejects, hasRoom, onDefect });
  const servers = new Set<Server>();
  const handling = new Set<Promise<void>>();

  function server(door: Door): Server {
    const one = createDoor({
      onRequest: (request, response) => take(request, response, door),
      onRefused: (method, refusal) => rejects.note(newId(), method, { route: "unknown", refusal }),
    });
    servers.add(one);
    return one;
  }

  function take(request: IncomingMessage, response: ServerResponse, door: Door): void {
    const [path = ""] = (request.url ?? "").split("?");
    const id = newId();
    const headers = { "x-request-id": id, ...corsHeaders(request.headers.origin, options.allowOrigins) };
    const asked = { request, response, door, id, path, headers };
    const handled = handle(asked).catch((error: unknown) => {
      onDefect(error);
      if (response.headersSent) response.destroy();
      else sendRefusal(asked, DEFECT, "openai");
    });
    handling.add(handled);
    void handled.then(() => handling.delete(handled));
  }

  async function handle(asked: Asked): Promise<void> {
    const { request, path } = asked;
    const method = request.method ?? "";
    if (request.headers.host === undefined && request.httpVersion === "1.1")
      return await rejects.reject(asked, { route: "unknown", refusal: NO_HOST });
    if (method === "OPTIONS") return sendText(asked, 204, "");
    const found = match(method, path);
    if (found.kind === "health") return await sendHealth(asked);
    const family = familyOf(found);
    if (isForeignOrigin(request.headers.origin, options.allowOrigins))
      return await rejects.reject(asked, { route: routeOf(found), family, refusal: FOREIGN_ORIGIN });
    const who = await attribute(request.headers, asked.door, options.identity);
    if ("code" in who) return await rejects.reject(asked, { route: routeOf(found), family, refusal: who });
    if (found.kind === "forward") return await forwarder.forward(asked, found.route, who);
    if (found.kind === "models") {
      const models = await askModels(options.upstreams);
      if (models !== undefined) return sendText(asked, 200, models);
    }
    if (found.kind === "wrong-method") asked.response.setHeader("allow", found.allowed);
    await rejects.reject(asked, { route: routeOf(found), who, refusal: refusalOf(found) });
  }

  async function sendHealth(asked: Asked): Promise<void> {
    const health = await deps.health();
    const isServing = health.status === "ok" || health.status === "degraded";
    sendText(asked, isServing ? 200 : 503, JSON.stringify(health));
  }

  return {
    server,
    close: async () => {
      for (const one of servers) one.close();
      const late = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_MS).unref());
      await Promise.race([forwarder.abort(), late]);
      // Whoever is still sending a request is cut off; that leaves a record as well.
      for (const one of servers) one.closeAllConnections();
      await Promise.race([Promise.all(handling).then(() => forwarder.abort()), late]);
      await forwarder.close();
    },
  };
}

function newId(): string {
  return randomBytes(ID_BYTES).toString("base64url");
}

function familyOf(found: Match) {
  return found.kind === "forward" ? found.route.family : "openai";
}

function routeOf(found: Match): string {
  switch (found.kind) {
    case "forward":
      return found.route.name;
    case "denied":
    case "wrong-method":
      return found.path;
    case "health":
    case "models":
    case "unknown":
      return found.kind;
  }
}

function refusalOf(found: Exclude<Match, { kind: "forward" | "health" }>) {
  switch (found.kind) {
    case "models":
      return UPSTREAM_GONE;
    case "denied":
      return { status: 403, code: "route_denied", message: found.why };
    case "wrong-method":
      return {
        status: 405,
        code: "method_not_allowed",
        message: `${found.path} takes ${found.allowed}`,
      };
    case "unknown":
      return NO_ROUTE;
  }
}
