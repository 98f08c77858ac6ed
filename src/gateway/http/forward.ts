/** From a request that may pass to llama-server's answer: read, checked, written down, and only then asked. */
import { Pool } from "undici";
import type { AuditLog } from "../../audit/audit-log.ts";
import type { Attribution, DurabilityMode, Usage } from "../../audit/record.ts";
import type { Route } from "../routes/table.ts";
import { sendRefusal, type Asked } from "./asked.ts";
import { checkBody, type JsonObject } from "./check-body.ts";
import { createExchange, type Exchange } from "./exchange.ts";
import { genAiOf } from "./gen-ai.ts";
import { requestHeaders } from "./headers.ts";
import { readBody } from "./read-body.ts";
import { AUDIT_UNAVAILABLE, CLIENT_GONE, DISK_LOW, SHUTTING_DOWN, type Refusal } from "./refusal.ts";
import type { Rejects } from "./rejects.ts";

export type ForwardOptions = {
  readonly upstreamSocket: string;
  readonly alias: string;
  readonly mode: DurabilityMode;
  readonly maxBodyBytes: number;
};

export type ForwardDeps = {
  readonly log: AuditLog;
  readonly rejects: Rejects;
  readonly hasRoom: () => boolean;
  readonly answered: (usage: Usage | undefined) => void;
  readonly onDefect: (error: unknown) => void;
};

export type Forwarder = {
  forward(asked: Asked, route: Route, who: Attribution): Promise<void>;
  /** Requests under way, and how many there have ever been. */
  activity(): { readonly inFlight: number; readonly begun: number };
  /** Takes no more, and ends those under way. Resolves when each has its record. */
  abort(): Promise<void>;
  /** Lets llama-server go. */
  close(): Promise<void>;
};

export function createForwarder(options: ForwardOptions, deps: ForwardDeps): Forwarder {
  const { log, rejects } = deps;
  // Local models think for minutes: how long an answer may take is its client's to say.
  const pool = new Pool("http://llama", {
    socketPath: options.upstreamSocket,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const exchanges = new Set<Exchange>();
  let begun = 0;
  let inFlight = 0;
  let closing = false;

  async function forward(asked: Asked, route: Route, who: Attribution): Promise<void> {
    const body = await readChecked(asked);
    if ("code" in body)
      return await rejects.reject(asked, { route: route.name, family: route.family, who, refusal: body });
    begun += 1;
    inFlight += 1;
    const recorded = await record(body.bytes, {
      type: "req",
      id: asked.id,
      method: route.method,
      route: route.name,
      who,
      genAi: genAiOf(route, body.fields, options.alias),
    });
    if (recorded === undefined) {
      inFlight -= 1;
      return sendRefusal(asked, AUDIT_UNAVAILABLE, route.family);
    }
    const exchange = begin(asked, route, { ...recorded, fields: body.fields });
    pool.dispatch(
      {
        method: route.method,
        path: route.path,
        headers: requestHeaders(asked.request.headers, body.bytes.length),
        body: body.bytes,
      },
      exchange.handler,
    );
  }

  async function readChecked(asked: Asked) {
    const early = refusalNow();
    if (early !== undefined) return early;
    const bytes = await readBody(asked.request, options.maxBodyBytes);
    if (bytes === "gone") return CLIENT_GONE;
    if ("code" in bytes) return bytes;
    const checked = checkBody(bytes, options.alias);
    return "code" in checked ? checked : (refusalNow() ?? { bytes, fields: checked.fields });
  }

  function refusalNow(): Refusal | undefined {
    if (closing) return SHUTTING_DOWN;
    return deps.hasRoom() ? undefined : DISK_LOW;
  }

  /** On the disk when it resolves; undefined where that is not possible. */
  async function record(body: Buffer, entry: Parameters<AuditLog["append"]>[0] & { type: "req" }) {
    try {
      const key = await log.contentKey(entry.who.user ?? "-");
      const { seq, durable } = log.append(entry, { bytes: body, key });
      if (options.mode !== "async") await durable;
      return { seq, key };
    } catch (error) {
      // A closed log has said why; anything else is a mistake of ours.
      if (log.state().kind === "open") deps.onDefect(error);
      return undefined;
    }
  }

  function begin(
    asked: Asked,
    route: Route,
    recorded: NonNullable<Awaited<ReturnType<typeof record>>> & { readonly fields: JsonObject },
  ): Exchange {
    const { id, headers, response } = asked;
    const { onDefect } = deps;
    const { seq: req, key, fields } = recorded;
    const isUntold = bringsSeveral(fields);
    const answered = (usage: Usage | undefined) => deps.answered(isUntold ? undefined : usage);
    const { kind } = route;
    const exchange = createExchange(
      { id, req, kind, isBatch: isBatch(kind, fields), mode: options.mode, key, headers },
      { log, response, refuse: (refusal) => sendRefusal(asked, refusal, route.family), answered, onDefect },
    );
    exchanges.add(exchange);
    void exchange.done.finally(() => {
      inFlight -= 1;
      exchanges.delete(exchange);
    });
    if (closing) exchange.abort();
    return exchange;
  }

  return {
    forward,
    activity: () => ({ inFlight, begun }),
    abort: async () => {
      closing = true;
      for (const exchange of exchanges) exchange.abort();
      await Promise.all([...exchanges].map(async ({ done }) => done));
    },
    close: async () => pool.destroy(),
  };
}

/** llama-server counts the tokens of every answer, and tells those of the first alone where it answers in one piece. */
function bringsSeveral({ n, prompt }: JsonObject): boolean {
  return (typeof n === "number" && n > 1) || (Array.isArray(prompt) && prompt.length > 1);
}

/** Each text is a task of its own: those before one that is too long are counted, and the whole request is refused. */
function isBatch(kind: Route["kind"], { input, content, documents, texts }: JsonObject): boolean {
  if (kind !== "embeddings" && kind !== "rerank") return false;
  return [input, content, documents, texts].some((list) => Array.isArray(list) && list.length > 1);
}
