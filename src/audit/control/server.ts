/** The writer's side of writer.sock. Whoever can open the socket may do everything: its mode and folder are the door. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { AppError, messageOf, type ErrorClass } from "../../shared/errors.ts";
import { parseAs, type Validator } from "../../shared/schema.ts";
import type { LogService } from "./log-service.ts";
import {
  isAccess,
  isHoldRequest,
  isNothing,
  isPurgeRequest,
  isRetainRequest,
  type SentError,
} from "./messages.ts";

type Route = (body: string) => Promise<unknown>;

const MAX_BODY_BYTES = 65_536;
const STATUS: Partial<Record<ErrorClass, number>> = { usage: 400, preflight: 409 };

/** `server` listens already; `onDefect` is told what is neither the asker's fault nor the disk's. */
export function answerControl(server: Server, service: LogService, onDefect: (error: unknown) => void): void {
  const routes = routesOf(service);
  server.on("request", (request, response) => {
    answer(request, routes)
      .then((value) => send(response, 200, value))
      .catch((error: unknown) => {
        if (!(error instanceof AppError)) onDefect(error);
        const sent = toSent(error);
        send(response, STATUS[sent.error.class] ?? 500, sent);
      });
  });
}

function routesOf(service: LogService): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ["GET /status", async () => await service.status()],
    ["POST /purge", route(isPurgeRequest, async (asked) => await service.purge(asked))],
    ["POST /retain", route(isRetainRequest, async (asked) => await service.retain(asked))],
    ["POST /hold", route(isHoldRequest, async (asked) => ({ seq: await service.hold(asked) }))],
    ["POST /rotate", route(isNothing, async () => ({ segment: await service.rotate() }))],
    ["POST /key", route(isNothing, async () => ({ key: await service.renewSigningKey() }))],
    [
      "POST /checkpoint",
      route(isNothing, async () => {
        await service.checkpoint();
        return {};
      }),
    ],
    ["POST /access", route(isAccess, async (asked) => ({ seq: await service.access(asked) }))],
  ]);
}

function route<T>(validate: Validator<T>, run: (asked: T) => Promise<unknown>): Route {
  return async (body) => await run(parseAs(body, { validate, invalid: (why) => refused(why) }));
}

async function answer(request: IncomingMessage, routes: ReadonlyMap<string, Route>): Promise<unknown> {
  const name = `${request.method ?? ""} ${request.url ?? ""}`;
  const found = routes.get(name);
  if (found === undefined) throw refused(`nothing answers ${name}`);
  return await found(await readBody(request));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > MAX_BODY_BYTES) throw refused(`it is longer than ${MAX_BODY_BYTES} bytes`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

function toSent(error: unknown): SentError {
  if (!(error instanceof AppError))
    return {
      error: { class: "engine", code: "CONTROL_DEFECT", message: `Cannot do it: ${messageOf(error)}` },
    };
  const { code, message, hint, fields } = error;
  return { error: { class: error.class, code, message, ...(hint === undefined ? {} : { hint }), fields } };
}

function refused(why: string): AppError {
  return new AppError(
    { class: "usage", code: "CONTROL_INVALID" },
    `Cannot understand what was asked: ${why}`,
  );
}
