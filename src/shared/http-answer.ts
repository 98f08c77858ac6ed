/** What one HTTP request came to: its head as facts, and what went wrong as an error. */
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { AppError, messageOf } from "./errors.ts";
import { showUrl } from "./url.ts";

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** First byte of the body within the whole. */
  readonly offset: number;
  /** Of the whole, where the server tells it. */
  readonly sizeBytes?: number;
  readonly body: Readable;
};

const REDIRECTS = [301, 302, 303, 307, 308];
const CONTENT_RANGE = /^bytes (\d+)-\d+\/(\d+|\*)$/;

/** Names and resolvers that fail for a moment, connections that break: what a second attempt may get past. */
const TRANSIENT = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
]);

export function readAnswer(response: Dispatcher.ResponseData): Answer {
  // A body that nobody reads to its end reports an error that nobody awaits.
  response.body.on("error", () => {});
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
  );
  const [, start, total] =
    (response.statusCode === 206 && CONTENT_RANGE.exec(headers["content-range"] ?? "")) || [];
  const sizeBytes = parseSize(response.statusCode === 206 ? total : headers["content-length"]);
  return {
    status: response.statusCode,
    headers,
    offset: Number(start ?? 0),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    body: response.body,
  };
}

/** Where the answer sends us instead; undefined where it does not. */
export function locationOf(answer: Answer): string | undefined {
  return REDIRECTS.includes(answer.status) ? answer.headers["location"] : undefined;
}

/** Two answers with the same one are answers about the same bytes; so are two without any, as far as one can tell. */
export function validatorOf(answer: Answer): string | undefined {
  return answer.headers["etag"] ?? answer.headers["last-modified"];
}

export function isTransient(error: unknown): boolean {
  return error instanceof Error && "code" in error && TRANSIENT.has(String(error.code));
}

export function unreachable(url: string, cause: unknown): AppError {
  return new AppError(
    { class: "unavailable", code: "HTTP_UNREACHABLE" },
    `Cannot get "${showUrl(url)}": ${messageOf(cause)}`,
    {
      cause,
      hint: "Check the network, the proxy settings and the mirror's address",
      fields: { url: showUrl(url) },
    },
  );
}

export function refusedRedirect(url: string, why: string): AppError {
  return new AppError(
    { class: "unavailable", code: "HTTP_REDIRECT" },
    `Cannot follow "${showUrl(url)}": ${why}`,
    { fields: { url: showUrl(url) } },
  );
}

export function cutShort(
  url: string,
  state: { received: number; sizeBytes?: number; why: string },
): AppError {
  const whole = state.sizeBytes === undefined ? "" : `, expected ${state.sizeBytes}`;
  return new AppError(
    { class: "unavailable", code: "HTTP_CUT_SHORT" },
    `Cannot get the whole of "${showUrl(url)}": it broke off after ${state.received} bytes${whole}: ${state.why}`,
    { hint: "Run the command again: it goes on from there", fields: { url: showUrl(url) } },
  );
}

function parseSize(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
