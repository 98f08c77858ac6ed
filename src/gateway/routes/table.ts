/**
 * Every route of the pinned llama-server, let through or not. What stands in neither list is refused as unknown; a test holds both
 * lists against the routes of the source that the image is compiled from.
 */
import type { AnswerKind } from "../reassemble/reassembly.ts";

/** Whose errors a client expects. */
export type Family = "openai" | "anthropic";

export type Route = {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** What the log and the policy call it. */
  readonly name: string;
  readonly kind: AnswerKind;
  readonly family: Family;
  /** Only let through where the policy names it: llama-server's own, which no standard client needs. */
  readonly native?: true;
};

export type DeniedRoute = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly why: string;
};

export const ROUTES: readonly Route[] = [
  ...post(["/v1/chat/completions", "/chat/completions"], "chat.completions", "chat"),
  ...post(["/v1/completions"], "completions", "completion"),
  ...post(["/v1/responses", "/responses"], "responses", "responses"),
  ...post(["/v1/messages"], "messages", "messages", "anthropic"),
  ...post(["/v1/embeddings"], "embeddings", "embeddings"),
  ...post(["/v1/rerank", "/v1/reranking", "/rerank", "/reranking"], "rerank", "rerank"),
  ...post(
    ["/v1/chat/completions/input_tokens", "/chat/completions/input_tokens"],
    "chat.input_tokens",
    "other",
  ),
  ...post(["/v1/responses/input_tokens", "/responses/input_tokens"], "responses.input_tokens", "other"),
  ...post(["/v1/messages/count_tokens"], "messages.count_tokens", "other", "anthropic"),
  ...native(["/completion", "/completions"], "completion", "native"),
  ...native(["/infill"], "infill", "native"),
  ...native(["/embedding", "/embeddings"], "embedding", "embeddings"),
  ...native(["/tokenize"], "tokenize", "other"),
  ...native(["/detokenize"], "detokenize", "other"),
  ...native(["/apply-template"], "apply-template", "other"),
];

/** Answered by the gateway itself. */
export const OWN_ROUTES = {
  health: ["/health", "/v1/health"],
  models: ["/v1/models", "/models"],
} as const;

export const DENIED_ROUTES: readonly DeniedRoute[] = [
  { method: "GET", path: "/metrics", why: "The gateway compares them with its log; they are nobody else's" },
  { method: "GET", path: "/props", why: "It shows where the model's file lies" },
  { method: "POST", path: "/props", why: "It changes the server for everybody" },
  { method: "GET", path: "/slots", why: "It shows what others asked" },
  {
    method: "POST",
    path: "/slots/:id_slot",
    why: "It writes what others asked to a file, and reads it back",
  },
  { method: "GET", path: "/lora-adapters", why: "It shows paths" },
  { method: "POST", path: "/lora-adapters", why: "It changes the server for everybody" },
  {
    method: "GET",
    path: "/v1/stream",
    why: "It hands over an answer by another way than the one that is logged",
  },
  { method: "POST", path: "/v1/streams/lookup", why: "It shows what others asked" },
  { method: "DELETE", path: "/v1/stream", why: "It ends what others asked" },
  { method: "POST", path: "/v1/chat/completions/control", why: "It changes an answer that is under way" },
  {
    method: "POST",
    path: "/v1/audio/transcriptions",
    why: "What it takes is no JSON, and the models here hear nothing",
  },
  {
    method: "POST",
    path: "/audio/transcriptions",
    why: "What it takes is no JSON, and the models here hear nothing",
  },
  { method: "GET", path: "/tools", why: "The server is given no tools" },
  { method: "POST", path: "/tools", why: "The server is given no tools" },
  { method: "GET", path: "/cors-proxy", why: "It would fetch what a client names" },
  { method: "POST", path: "/cors-proxy", why: "It would fetch what a client names" },
  { method: "POST", path: "/models", why: "There is one model, and it stays" },
  { method: "DELETE", path: "/models", why: "There is one model, and it stays" },
  { method: "POST", path: "/models/load", why: "There is one model, and it stays" },
  { method: "POST", path: "/models/unload", why: "There is one model, and it stays" },
  { method: "GET", path: "/models/sse", why: "There is one model, and it stays" },
  { method: "GET", path: "/", why: "The server's own UI is not carried" },
  { method: "GET", path: "/index.html", why: "The server's own UI is not carried" },
  { method: "GET", path: "/sw.js", why: "The server's own UI is not carried" },
];

export type Match =
  | { readonly kind: "forward"; readonly route: Route }
  | { readonly kind: "health" }
  | { readonly kind: "models" }
  | { readonly kind: "denied"; readonly path: string; readonly why: string }
  | { readonly kind: "wrong-method"; readonly path: string; readonly allowed: string }
  | { readonly kind: "unknown" };

/** `path` without its query, compared as it stands: nothing is decoded, so that there is nothing to be decoded in two ways. */
export function createMatcher(native: readonly string[]): (method: string, path: string) => Match {
  const open = ROUTES.filter((route) => route.native === undefined || native.includes(route.name));
  const closed = ROUTES.filter((route) => !open.includes(route));
  const byPath = new Map(open.map((route) => [route.path, route]));
  const denied = new Map<string, string>([
    ...closed.map(({ method, path }) => [`${method} ${path}`, "The policy does not name it"] as const),
    ...DENIED_ROUTES.map(({ method, path, why }) => [`${method} ${path}`, why] as const),
  ]);

  return (method, path) => {
    const isRead = method === "GET" || method === "HEAD";
    if (isRead && isOneOf(OWN_ROUTES.health, path)) return { kind: "health" };
    if (isRead && isOneOf(OWN_ROUTES.models, path)) return { kind: "models" };
    const route = byPath.get(path);
    if (route?.method === method) return { kind: "forward", route };
    const known = path.startsWith("/slots/") ? "/slots/:id_slot" : path;
    const why = denied.get(`${method} ${known}`);
    if (why !== undefined) return { kind: "denied", path: known, why };
    if (route !== undefined) return { kind: "wrong-method", path, allowed: route.method };
    return { kind: "unknown" };
  };
}

function post(
  ...[paths, name, kind, family = "openai"]: [readonly string[], string, AnswerKind, Family?]
): readonly Route[] {
  return paths.map((path) => ({ method: "POST", path, name, kind, family }));
}

function native(paths: readonly string[], name: string, kind: AnswerKind): readonly Route[] {
  return post(paths, name, kind).map((route) => ({ ...route, native: true }));
}

function isOneOf(paths: readonly string[], path: string): boolean {
  return paths.includes(path);
}
