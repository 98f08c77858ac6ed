/** One request, and how it is answered by the gateway itself. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Door } from "../identity/attribute.ts";
import type { Family } from "../routes/table.ts";
import { refusalBody, type Refusal } from "./refusal.ts";

export type Asked = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly door: Door;
  readonly id: string;
  readonly path: string;
  /** Of ours, on every answer. */
  readonly headers: Readonly<Record<string, string>>;
};

/** Nothing where the client was answered already. */
export function sendRefusal(asked: Asked, refusal: Refusal, family: Family): void {
  const { response } = asked;
  if (response.headersSent) return;
  if (refusal.retryAfter !== undefined) response.setHeader("retry-after", refusal.retryAfter);
  sendText(asked, refusal.status, refusalBody(refusal, family));
}

export function sendText({ response, headers }: Asked, status: number, body: string): void {
  const type = body === "" ? {} : { "content-type": "application/json" };
  response.writeHead(status, { ...headers, ...type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
