/** The one way to a server: GET with timeouts, proxies from the environment, checked redirects and bounded, logged retries. */
import { setTimeout as sleep } from "node:timers/promises";
import { getCACertificates } from "node:tls";
import { EnvHttpProxyAgent, request, type Dispatcher } from "undici";
import { AppError, messageOf } from "./errors.ts";
import {
  cutShort,
  isTransient,
  locationOf,
  readAnswer,
  refusedRedirect,
  unreachable,
  validatorOf,
  type Answer,
} from "./http-answer.ts";
import { silentReporter, type Reporter } from "./reporter.ts";
import { parseHttpUrl, showUrl, type HttpTarget } from "./url.ts";
import { VERSION } from "./version.ts";

export type Http = {
  /**
   * Answers whatever the status is; the caller judges it. Throws AppError HTTP_UNREACHABLE and HTTP_REDIRECT (unavailable),
   * URL_INVALID (usage), and the signal's reason.
   */
  get(url: string, options?: HttpGetOptions): Promise<HttpResponse>;
  close(): Promise<void>;
};

type HttpGetOptions = {
  /** Ask for the bytes from here on; the response's own `offset` tells whether the server agreed. */
  readonly offset?: number;
  readonly accept?: string;
  readonly signal?: AbortSignal;
};

export type HttpResponse = Omit<Answer, "body"> & {
  /** Where it was found after redirects, without credentials. */
  readonly url: string;
  /**
   * Empty unless the status is 200 or 206. What breaks off is asked for again from there; throws HTTP_CUT_SHORT
   * (unavailable) where that does not help. Read it to its end, leave a `for await` early, or cancel.
   */
  readonly body: AsyncIterable<Uint8Array>;
  cancel(): void;
};

export type HttpDeps = {
  /** For the proxies: http_proxy, https_proxy, no_proxy. */
  readonly env: NodeJS.ProcessEnv;
  readonly reporter?: Reporter;
  /** Pauses before the second and each later attempt; there are as many retries as pauses. */
  readonly retryDelaysMs?: readonly number[];
  /** For an answer's head, and for each silence within a body. */
  readonly timeoutMs?: number;
};

type Context = {
  readonly dispatcher: Dispatcher;
  readonly reporter: Reporter;
  readonly delaysMs: readonly number[];
  readonly timeoutMs: number;
};
type Found = Answer & { readonly url: string };
/** One `get` with its resumptions. */
type Query = { readonly url: string; readonly options: HttpGetOptions };

const MAX_REDIRECTS = 5;
const RETRY_DELAYS_MS = [500, 2_000, 5_000];
const RETRIED_STATUSES = [502, 503, 504];
const BODY_STATUSES = [200, 206];
const TIMEOUT_MS = 60_000;

export function openHttp(deps: HttpDeps): Http {
  const context: Context = {
    dispatcher: openAgent(deps.env),
    reporter: deps.reporter ?? silentReporter,
    delaysMs: deps.retryDelaysMs ?? RETRY_DELAYS_MS,
    timeoutMs: deps.timeoutMs ?? TIMEOUT_MS,
  };
  return {
    get: (url, options = {}) => get(context, { url, options }),
    close: () => context.dispatcher.destroy(),
  };
}

/** Trusts what the system trusts beside what Node brings: machines are set up that way for apt, pip and npm. */
function openAgent(env: NodeJS.ProcessEnv): Dispatcher {
  const tls = { ca: [...getCACertificates("default"), ...getCACertificates("system")] };
  return new EnvHttpProxyAgent({
    connect: tls,
    requestTls: tls,
    proxyTls: tls,
    httpProxy: env["http_proxy"] ?? env["HTTP_PROXY"] ?? "",
    httpsProxy: env["https_proxy"] ?? env["HTTPS_PROXY"] ?? "",
    noProxy: env["no_proxy"] ?? env["NO_PROXY"] ?? "",
  });
}

async function get(context: Context, query: Query): Promise<HttpResponse> {
  const found = await findWithRetries(context, query);
  const { body, ...head } = found;
  return {
    ...head,
    body: BODY_STATUSES.includes(found.status) ? resumed(context, query, found) : noBytes(),
    cancel: () => void body.destroy(),
  };
}

async function findWithRetries(context: Context, query: Query): Promise<Found> {
  for (let attempt = 0; ; attempt += 1) {
    const delayMs = context.delaysMs[attempt];
    try {
      const found = await find(context, query);
      if (delayMs === undefined || !RETRIED_STATUSES.includes(found.status)) return found;
      await pause(context, query, { delayMs, why: `it answered ${found.status}` });
    } catch (error) {
      query.options.signal?.throwIfAborted();
      if (error instanceof AppError) throw error;
      if (delayMs === undefined || !isTransient(error)) throw unreachable(query.url, error);
      await pause(context, query, { delayMs, why: messageOf(error) });
    }
  }
}

async function pause(
  context: Context,
  { url, options: { signal } }: Query,
  { delayMs, why }: { delayMs: number; why: string },
): Promise<void> {
  context.reporter.note(`Trying again in ${delayMs / 1000} s: "${showUrl(url)}": ${why}`);
  await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
}

/** Follows redirects: never from TLS to plain text, and never with one server's credentials to another. */
async function find(context: Context, { url, options }: Query): Promise<Found> {
  let target = parseHttpUrl(url);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const answer = readAnswer(await send(context, target, options));
    const location = locationOf(answer);
    if (location === undefined) {
      if (!BODY_STATUSES.includes(answer.status)) answer.body.destroy();
      return { ...answer, url: target.url.href };
    }
    answer.body.destroy();
    target = redirected(target, location);
  }
  throw refusedRedirect(url, `it redirects more than ${MAX_REDIRECTS} times`);
}

function redirected(from: HttpTarget, location: string): HttpTarget {
  const to = parseHttpUrl(URL.parse(location, from.url.href)?.href ?? location);
  if (from.url.protocol === "https:" && to.url.protocol === "http:") {
    throw refusedRedirect(from.url.href, `it leads from TLS to plain text at "${showUrl(to.url)}"`);
  }
  const kept = to.url.origin === from.url.origin ? from.authorization : undefined;
  const authorization = to.authorization ?? kept;
  return authorization === undefined ? { url: to.url } : { url: to.url, authorization };
}

async function send(
  context: Context,
  target: HttpTarget,
  options: HttpGetOptions,
): Promise<Dispatcher.ResponseData> {
  const { offset = 0, accept = "*/*", signal } = options;
  return request(target.url, {
    dispatcher: context.dispatcher,
    headersTimeout: context.timeoutMs,
    bodyTimeout: context.timeoutMs,
    ...(signal === undefined ? {} : { signal }),
    headers: {
      "user-agent": `cloister/${VERSION}`,
      "accept-encoding": "identity",
      accept,
      ...(offset === 0 ? {} : { range: `bytes=${offset}-` }),
      ...(target.authorization === undefined ? {} : { authorization: target.authorization }),
    },
  });
}

async function* resumed(context: Context, query: Query, first: Found): AsyncGenerator<Uint8Array> {
  const { sizeBytes } = first;
  let answer = first;
  let position = first.offset;
  const fail = (why: string) =>
    cutShort(query.url, { received: position, why, ...(sizeBytes === undefined ? {} : { sizeBytes }) });
  try {
    for (let attempt = 0; ; attempt += 1) {
      let why = "the connection ended";
      try {
        for await (const chunk of from(answer, position)) {
          position += chunk.length;
          yield chunk;
        }
        if (sizeBytes === undefined || position >= sizeBytes) return;
      } catch (error) {
        query.options.signal?.throwIfAborted();
        if (!isTransient(error)) throw unreachable(query.url, error);
        why = messageOf(error);
      }
      const delayMs = context.delaysMs[attempt];
      if (delayMs === undefined) throw fail(why);
      await pause(context, query, { delayMs, why });
      answer = await findWithRetries(context, { ...query, options: { ...query.options, offset: position } });
      if (!BODY_STATUSES.includes(answer.status) || answer.offset > position)
        throw fail(`the rest was answered with ${answer.status} from byte ${answer.offset}`);
      if (validatorOf(answer) !== validatorOf(first)) throw fail("it changed meanwhile");
    }
  } finally {
    answer.body.destroy();
  }
}

/** A server that knows no ranges answers from its start: what we have is skipped. */
async function* from(answer: Answer, position: number): AsyncGenerator<Uint8Array> {
  const chunks: AsyncIterable<Uint8Array> = answer.body;
  let skip = position - answer.offset;
  for await (const chunk of chunks) {
    const rest = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}
