/** From a request that may pass to llama-server's answer: read, checked, written down, and only then asked. */
import type { AuditLog } from "../../audit/audit-log.ts";
import type { Attribution, DurabilityMode, Usage } from "../../audit/record.ts";
import type { Route } from "../routes/table.ts";
import { listUpstreams, upstreamFor, type Upstream, type Upstreams } from "../upstream.ts";
import { sendRefusal, type Asked } from "./asked.ts";
import { checkBody, type JsonObject } from "./check-body.ts";
import { createExchange, type Exchange } from "./exchange.ts";
import { genAiOf } from "./gen-ai.ts";
import { requestHeaders } from "./headers.ts";
import { readBody } from "./read-body.ts";
import { AUDIT_UNAVAILABLE, CLIENT_GONE, DISK_LOW, SHUTTING_DOWN, type Refusal } from "./refusal.ts";
import type { Rejects } from "./rejects.ts";

export type ForwardOptions = {
  readonly upstreams: Upstreams;
  readonly mode: DurabilityMode;
  readonly maxBodyBytes: number;
};

export type ForwardDeps = {
  readonly log: AuditLog;
  readonly rejects: Rejects;
  readonly hasRoom: () => boolean;
  readonly onDefect: (error: unknown) => void;
};

export type Forwarder = {
  forward(asked: Asked, route: Route, who: Attribution): Promise<void>;
  /** Takes no more, and ends those under way. Resolves when each has its record. */
  abort(): Promise<void>;
  /** Lets the llama-servers go. */
  close(): Promise<void>;
};

export function createForwarder(options: ForwardOptions, deps: ForwardDeps): Forwarder {
  const { log, rejects } = deps;
  const exchanges = new Set<Exchange>();
  let closing = false;

  async function forward(asked: Asked, route: Route, who: Attribution): Promise<void> {
    const upstream = upstreamFor(route.kind, options.upstreams);
    const body = await readChecked(asked, upstream);
    if ("code" in body)
      return await rejects.reject(asked, { route: route.name, family: route.family, who, refusal: body });
    const leave = upstream.enter();
    const recorded = await record(body.bytes, {
      type: "req",
      id: asked.id,
      method: route.method,
      route: route.name,
      who,
      genAi: genAiOf(route, body.fields, upstream.alias),
    });
    if (recorded === undefined) {
      leave();
      return sendRefusal(asked, AUDIT_UNAVAILABLE, route.family);
    }
    const exchange = begin(asked, route, { ...recorded, fields: body.fields, upstream });
    void exchange.done.finally(leave);
    upstream.dispatch(
      {
        method: route.method,
        path: route.path,
        headers: requestHeaders(asked.request.headers, body.bytes.length),
        body: body.bytes,
      },
      exchange.handler,
    );
  }

  async function readChecked(asked: Asked, { alias }: Upstream) {
    const early = refusalNow();
    if (early !== undefined) return early;
    const bytes = await readBody(asked.request, options.maxBodyBytes);
    if (bytes === "gone") return CLIENT_GONE;
    if ("code" in bytes) return bytes;
    const checked = checkBody(bytes, alias);
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
    recorded: NonNullable<Awaited<ReturnType<typeof record>>> & {
      readonly fields: JsonObject;
      readonly upstream: Upstream;
    },
  ): Exchange {
    const { id, headers, response } = asked;
    const { onDefect } = deps;
    const { seq: req, key, fields, upstream } = recorded;
    const isUntold = bringsSeveral(fields);
    const answered = (usage: Usage | undefined) => upstream.accounts.answered(isUntold ? undefined : usage);
    const { kind } = route;
    const exchange = createExchange(
      { id, req, kind, isBatch: isBatch(kind, fields), mode: options.mode, key, headers },
      { log, response, refuse: (refusal) => sendRefusal(asked, refusal, route.family), answered, onDefect },
    );
    exchanges.add(exchange);
    void exchange.done.finally(() => exchanges.delete(exchange));
    if (closing) exchange.abort();
    return exchange;
  }

  return {
    forward,
    abort: async () => {
      closing = true;
      for (const exchange of exchanges) exchange.abort();
      await Promise.all([...exchanges].map(async ({ done }) => done));
    },
    close: async () => {
      await Promise.all(listUpstreams(options.upstreams).map(async (upstream) => upstream.close()));
    },
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
