/** What a client is told when it gets no answer, in the shape that its API has for errors. */
import type { Family } from "../routes/table.ts";

export type Refusal = {
  readonly status: number;
  /** Stable; stands in the log as well. */
  readonly code: string;
  readonly message: string;
  /** Seconds after which it may work. */
  readonly retryAfter?: number;
};

export const AUDIT_UNAVAILABLE: Refusal = {
  status: 503,
  code: "audit_unavailable",
  message: "The audit log cannot be written, so nothing is answered",
  retryAfter: 5,
};

export const DISK_LOW: Refusal = {
  ...AUDIT_UNAVAILABLE,
  message: "The audit log's disk is nearly full, so nothing new is answered",
};

export const UPSTREAM_GONE: Refusal = {
  status: 502,
  code: "model_unavailable",
  message: "The model does not answer",
  retryAfter: 5,
};

export const ANSWER_TOO_LONG: Refusal = {
  status: 502,
  code: "answer_too_long",
  message: "The answer is longer than the audit log keeps",
};

export const SHUTTING_DOWN: Refusal = {
  status: 503,
  code: "shutting_down",
  message: "The gateway is ending",
  retryAfter: 5,
};

/** Only the log reads it. */
export const CLIENT_GONE: Refusal = {
  status: 499,
  code: "client_gone",
  message: "The client went away before its request was whole",
};

export const NO_ROUTE: Refusal = { status: 404, code: "route_unknown", message: "There is no such route" };

export const NO_HOST: Refusal = { status: 400, code: "bad_http", message: "The request names no host" };

/** A page of another site may make its reader's browser ask, even where it may not read the answer. */
export const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  code: "origin_denied",
  message: "Browsers may not ask from this origin",
};

export const DEFECT: Refusal = { status: 500, code: "gateway_defect", message: "The gateway failed" };

/** What both APIs call a refusal of this status. */
const TYPES: Readonly<Partial<Record<number, string>>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
};

/** As OpenAI's and as Anthropic's clients parse it. */
export function refusalBody({ status, code, message }: Refusal, family: Family): string {
  if (family === "anthropic")
    return JSON.stringify({
      type: "error",
      error: {
        type: typeOf(status, { 413: "request_too_large" }, "api_error"),
        message: `${message} (${code})`,
      },
    });
  const type = typeOf(status, {}, "server_error");
  return JSON.stringify({ error: { message, type, param: null, code } });
}

function typeOf(status: number, own: typeof TYPES, ofServer: string): string {
  return own[status] ?? TYPES[status] ?? (status >= 500 ? ofServer : "invalid_request_error");
}
