/**
 * One request that was forwarded and its answer: the bytes go on as they came, and the last of them only when all are on the disk.
 */
import type { ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import type { Appended, AuditLog, Content, ContentKey, Entry } from "../../audit/audit-log.ts";
import type { DurabilityMode, RecordBody, Usage } from "../../audit/record.ts";
import { createReassembly, type AnswerKind, type Reassembly } from "../reassemble/reassembly.ts";
import { responseHeaders } from "./headers.ts";
import { AUDIT_UNAVAILABLE, UPSTREAM_GONE, type Refusal } from "./refusal.ts";

export type ExchangeOptions = {
  readonly id: string;
  readonly req: number;
  readonly kind: AnswerKind;
  readonly mode: DurabilityMode;
  readonly key: ContentKey;
  /** Headers of ours that every answer to this client has. */
  readonly headers: Readonly<Record<string, string>>;
};

export type ExchangeDeps = {
  readonly log: AuditLog;
  readonly response: ServerResponse;
  /** Answers while nothing of upstream's answer has gone out. */
  readonly refuse: (refusal: Refusal) => void;
  /** The answer is in the log; without usage it was interrupted. */
  readonly answered: (usage: Usage | undefined) => void;
};

type Outcome = Extract<RecordBody, { type: "res" }>["outcome"];

export type Exchange = {
  readonly handler: Dispatcher.DispatchHandler;
  /** Ends it from our side: the gateway stops. */
  abort(): void;
  /** Resolves when its record is in the log, or can never be. */
  readonly done: Promise<void>;
};

const PART_MS = 2_000;
const PART_BYTES = 16_384;
/** While so much waits for the disk, streams wait as well. */
const QUEUE_BYTES = 33_554_432;

export function createExchange(options: ExchangeOptions, deps: ExchangeDeps): Exchange {
  const { id, req, kind, mode, key } = options;
  const { log, response, refuse } = deps;
  const { promise: done, resolve: settle } = Promise.withResolvers<void>();
  const began = performance.now();
  let controller: Dispatcher.DispatchController | undefined;
  let reassembly: Reassembly | undefined;
  let status = 0;
  let expected: number | undefined;
  let isStream = false;
  let firstByteMs: number | undefined;
  let held: Buffer[] = [];
  let partTimer: NodeJS.Timeout | undefined;
  /** In strict mode: chunks leave in their order, each when its part is on the disk. */
  let released: Promise<unknown> = Promise.resolve();
  /** Its record is on the way; nothing more is taken from upstream. */
  let ended = false;
  /** Nothing more goes to the client. */
  let failed = false;

  response.on("close", () => {
    if (!response.writableFinished) interrupt("client_abort");
  });

  /** The only way to the log from here on. When it fails, nothing more of the answer leaves. */
  function append(entry: Entry, content?: Content): Appended | undefined {
    try {
      const appended = log.append(entry, content);
      appended.durable.catch(fail);
      return appended;
    } catch {
      fail();
      return undefined;
    }
  }

  function fail(): void {
    if (failed) return;
    failed = true;
    ended = true;
    stop("the audit log cannot be written");
    if (response.headersSent) response.destroy();
    else refuse(AUDIT_UNAVAILABLE);
    settle();
  }

  function stop(why: string): void {
    clearTimeout(partTimer);
    held = [];
    controller?.abort(new Error(why));
  }

  function onHeaders(headers: Record<string, string | string[] | undefined>): void {
    const type = headers["content-type"];
    reassembly = createReassembly(kind, typeof type === "string" ? type : undefined);
    isStream = typeof type === "string" && type.startsWith("text/event-stream");
    expected = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
    response.writeHead(status, { ...responseHeaders(headers), ...options.headers });
    // A stream's client waits for its first event knowing that it was heard; any other answer comes in one piece anyway.
    if (isStream) response.flushHeaders();
  }

  function onChunk(chunk: Buffer): void {
    if (reassembly === undefined || ended) return;
    firstByteMs ??= performance.now() - began;
    reassembly.push(chunk);
    if (reassembly.isFull) return interrupt("gateway_abort");
    held.push(chunk);
    if (mode === "async") return release();
    if (mode === "strict") return hold(reassembly);
    if (!mayBeLast(reassembly)) release();
    if (isStream) writePartIfDue(reassembly);
  }

  /** Whether the last byte of the answer may be among what is held. */
  function mayBeLast({ terminalStart, bytes }: Reassembly): boolean {
    if (isStream) return terminalStart;
    if (expected !== undefined) return bytes >= expected;
    return keepNewest();
  }

  /** Without a length, any chunk may be the last until the next one comes. */
  function keepNewest(): boolean {
    const newest = held.pop();
    release();
    if (newest !== undefined) held.push(newest);
    return true;
  }

  function release(): void {
    const chunks = held;
    held = [];
    send(chunks);
  }

  function send(chunks: readonly Buffer[]): void {
    let isFlowing = true;
    for (const chunk of chunks) isFlowing = response.write(chunk);
    if (isFlowing || controller?.paused === true) return;
    controller?.pause();
    response.once("drain", () => controller?.resume());
  }

  function hold(current: Reassembly): void {
    if (!isStream || mayBeLast(current)) return;
    const chunks = held;
    held = [];
    const part = writePart(current);
    released = Promise.all([released, part?.durable]).then(
      () => (failed ? undefined : send(chunks)),
      () => undefined,
    );
  }

  function writePartIfDue(current: Reassembly): void {
    if (current.pendingBytes >= PART_BYTES) writePart(current);
    else if (partTimer === undefined && current.pendingBytes > 0)
      partTimer = setTimeout(() => writePart(current), PART_MS);
  }

  function writePart(current: Reassembly): Appended | undefined {
    clearTimeout(partTimer);
    partTimer = undefined;
    const delta = current.takeDelta();
    if (delta === undefined) return undefined;
    const part = append({ type: "part", id, req }, { bytes: Buffer.from(delta), key });
    if (part !== undefined && log.pendingBytes() > QUEUE_BYTES) waitFor(part.durable);
    return part;
  }

  function waitFor(durable: Promise<void>): void {
    controller?.pause();
    durable.then(
      () => controller?.resume(),
      () => undefined,
    );
  }

  /** Writes what became of it. Whatever is still held goes out by `then`, once that is on the disk. */
  async function finish(outcome: Outcome, then: () => void): Promise<void> {
    if (ended) return;
    ended = true;
    clearTimeout(partTimer);
    const assembled = (reassembly ?? createReassembly(kind, undefined)).finish();
    const isWhole = outcome === "ok";
    const usage = isWhole
      ? (assembled.usage ?? (kind === "other" || status >= 400 ? { input: 0, output: 0 } : undefined))
      : undefined;
    const written = append(
      {
        type: "res",
        id,
        req,
        outcome: isWhole && (assembled.isError || status >= 400) ? "upstream_error" : outcome,
        status,
        finish: assembled.finish,
        ...(usage === undefined ? {} : { usage }),
        ...(firstByteMs === undefined ? {} : { ttftMs: round(firstByteMs) }),
        durationMs: round(performance.now() - began),
        raw: assembled.raw,
        ...(assembled.faults.length === 0 ? {} : { faults: assembled.faults }),
      },
      assembled.content.length === 0 ? undefined : { bytes: assembled.content, key },
    );
    if (written === undefined) return;
    deps.answered(usage);
    if (mode !== "async") await Promise.all([written.durable, released]).catch(() => undefined);
    if (!failed && log.state().kind === "open") then();
    settle();
  }

  function interrupt(outcome: "client_abort" | "gateway_abort"): void {
    if (ended) return;
    const last = held;
    void finish(outcome, () => {
      held = last;
      stop(outcome);
      response.destroy();
    });
    controller?.abort(new Error(outcome));
  }

  // The client may have gone while its request was being written down.
  if (response.destroyed) interrupt("client_abort");

  return {
    done,
    abort: () => interrupt("gateway_abort"),
    handler: {
      onRequestStart: (one) => {
        controller = one;
        if (ended) one.abort(new Error("it ended before it began"));
      },
      onResponseStart: (_, code, headers) => {
        if (ended) return;
        status = code;
        onHeaders(headers);
      },
      onResponseData: (_, chunk) => onChunk(chunk),
      onResponseEnd: () => {
        const last = held;
        void finish("ok", () => {
          for (const chunk of last) response.write(chunk);
          response.end();
        });
      },
      onResponseError: () => {
        void finish("upstream_gone", () => {
          if (response.headersSent) response.destroy();
          else refuse(UPSTREAM_GONE);
        });
      },
    },
  };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
