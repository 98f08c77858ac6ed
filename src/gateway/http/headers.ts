/** What passes between client and llama-server besides the bodies. */
import type { IncomingHttpHeaders } from "node:http";

/**
 * To llama-server: an allowlist, so that no header opens a side door. X-Conversation-Id, for one, would let an answer go on after the
 * client has left, to be fetched by another route.
 */
export function requestHeaders(client: IncomingHttpHeaders, bodyBytes: number): Record<string, string> {
  const headers: Record<string, string> = {
    host: "llama",
    "content-type": "application/json",
    "content-length": String(bodyBytes),
    // What is compressed could not be put together for the log.
    "accept-encoding": "identity",
  };
  for (const name of ["accept", "anthropic-version", "anthropic-beta"]) {
    const value = client[name];
    if (typeof value === "string") headers[name] = value;
  }
  return headers;
}

/** Of one connection only (RFC 9110, section 7.6.1), or about who may read it, which is not llama-server's to say. */
const NOT_PASSED_ON = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "trailer",
  "te",
  "server",
  "vary",
]);

export function responseHeaders(
  upstream: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(upstream))
    if (value !== undefined && !NOT_PASSED_ON.has(name) && !name.startsWith("access-control-"))
      headers[name] = value;
  return headers;
}

/** Without a list of origins there is no header at all, and a browser lets no other site read an answer. */
export function corsHeaders(
  origin: string | undefined,
  allowOrigins: readonly string[],
): Record<string, string> {
  if (origin === undefined || !allowOrigins.includes(origin)) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "authorization, content-type, x-api-key, anthropic-version",
    "access-control-allow-methods": "GET, POST",
    vary: "origin",
  };
}

/**
 * Browsers name the page that asks, also where its site's name was made to point at this machine. Everything else than a browser
 * names none.
 */
export function isForeignOrigin(origin: string | undefined, allowOrigins: readonly string[]): boolean {
  return origin !== undefined && !allowOrigins.includes(origin);
}
