/**
 * One request that was forwarded and its answer: the bytes go on as they came, and the last of them only when all are on the disk.
 */
import type { ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import type { Appended, AuditLog, Content, ContentKey, Entry } from "../../audit/audit-log.ts";
import type { DurabilityMode, RecordBody, Usage } from "../../audit/record.ts";
import { createReassembly, type AnswerKind, type Reassembly } from "../reassemble/reassembly.ts";
import { createOutgoing } from "./outgoing.ts";
import { createParts, type Parts } from "./parts.ts";
import { ANSWER_TOO_LONG, AUDIT_UNAVAILABLE, SHUTTING_DOWN, UPSTREAM_GONE, type Refusal } from "./refusal.ts";

export type ExchangeOptions = {
  readonly id: string;
  readonly req: number;
  readonly kind: AnswerKind;
  /** It has several inputs: upstream may have counted some of them before it refused all. */
  readonly isBatch: boolean;
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
  readonly onDefect: (error: unknown) => void;
};

type Outcome = Extract<RecordBody, { type: "res" }>["outcome"];

export type Exchange = {
  readonly handler: Dispatcher.DispatchHandler;
  /** Ends it from our side: the gateway stops. */
  abort(): void;
  /** Resolves when its record is in the log, or can never be. */
  readonly done: Promise<void>;
};

type Answer = {
  readonly status: number;
  readonly isStream: boolean;
  /** As upstream announced it. */
  readonly length: number | undefined;
  readonly reassembly: Reassembly;
  readonly parts: Parts;
};

/** While so much waits for the disk, streams wait as well. */
const QUEUE_BYTES = 33_554_432;
/** A stream may hold back an event, not an answer. */
const HELD_BYTES = 33_554_432;
/** The stream ended properly, but without the event that ends an answer. */
const NO_END = "no-end";

export function createExchange(options: ExchangeOptions, deps: ExchangeDeps): Exchange {
  const { id, req, kind, isBatch, mode, key } = options;
  const { log, response, refuse } = deps;
  const out = createOutgoing(response, options.headers);
  const { promise: done, resolve: settle } = Promise.withResolvers<void>();
  const began = performance.now();
  let controller: Dispatcher.DispatchController | undefined;
  let answer: Answer | undefined;
  let firstByteMs: number | undefined;
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** In strict mode: chunks leave in their order, each when its part is on the disk. */
  let released: Promise<unknown> = Promise.resolve();
  /** Its record is on the way; nothing more is taken from upstream. */
  let ended = false;
  /** Nothing more goes to the client. */
  let failed = false;

  function onHeaders(status: number, headers: Record<string, string | string[] | undefined>): void {
    const type = typeof headers["content-type"] === "string" ? headers["content-type"] : "";
    const length = headers["content-length"];
    const isStream = type.startsWith("text/event-stream");
    const reassembly = createReassembly(kind, type);
    const parts = createParts(reassembly, appendPart);
    answer = {
      status,
      isStream,
      length: length === undefined ? undefined : Number(length),
      reassembly,
      parts,
    };
    out.head(status, headers);
    if (isStream) out.flushHead();
  }

  function onChunk(chunk: Buffer): void {
    if (answer === undefined || ended) return;
    const { reassembly, isStream, parts } = answer;
    firstByteMs ??= performance.now() - began;
    reassembly.push(chunk);
    hold(chunk);
    if (reassembly.isFull || (isStream && heldBytes > HELD_BYTES))
      return interrupt("gateway_abort", ANSWER_TOO_LONG);
    if (mode === "strict") return releaseWhenDurable(answer);
    if (mode === "async" || !mayHaveLast(answer)) send(takeHeld());
    if (isStream) parts.writeWhenDue();
  }

  /** Whether the last byte of the answer may be among what is held. */
  function mayHaveLast({ isStream, length, reassembly }: Answer): boolean {
    if (isStream) return reassembly.terminalStart;
    if (length !== undefined) return reassembly.bytes >= length;
    // Any chunk may be the last until the next one comes.
    const newest = held.pop();
    send(takeHeld());
    if (newest !== undefined) hold(newest);
    return true;
  }

  function releaseWhenDurable(current: Answer): void {
    if (!current.isStream || mayHaveLast(current)) return;
    const chunks = takeHeld();
    const part = current.parts.write();
    released = Promise.all([released, part?.durable]).then(
      () => (failed ? undefined : send(chunks)),
      () => undefined,
    );
  }

  function hold(chunk: Buffer): void {
    held.push(chunk);
    heldBytes += chunk.length;
  }

  function takeHeld(): Buffer[] {
    const chunks = held;
    held = [];
    heldBytes = 0;
    return chunks;
  }

  function send(chunks: readonly Buffer[]): void {
    if (out.send(chunks) || controller?.paused === true) return;
    controller?.pause();
    out.onDrain(() => controller?.resume());
  }

  function appendPart(bytes: Uint8Array): Appended | undefined {
    const part = append({ type: "part", id, req }, { bytes, key });
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

  function interrupt(outcome: "client_abort" | "gateway_abort", refusal?: Refusal): void {
    if (ended) return;
    void finish(outcome, refusal);
    controller?.abort(new Error(outcome));
  }

  /**
   * Writes what became of it, and once that is on the disk lets the client see it: what was held of a whole answer, `refusal` where
   * nothing has gone out yet, and otherwise an end that is none.
   */
  async function finish(outcome: Outcome, refusal?: Refusal): Promise<void> {
    if (ended) return;
    ended = true;
    answer?.parts.stop();
    const last = takeHeld();
    const isTold = outcome !== "ok" && !out.hasBegun;
    const written = appendAnswer(outcome, isTold ? (refusal?.status ?? 0) : (answer?.status ?? 0));
    // Its text is the log's now, and is not held a second time while the disk takes it.
    answer = undefined;
    if (written === undefined) return;
    if (mode !== "async") await Promise.all([written.durable, released]).catch(() => undefined);
    if (failed) return;
    if (outcome === "ok") out.end(last);
    else if (isTold && refusal !== undefined) refuse(refusal);
    else out.cut();
    settle();
  }

  function appendAnswer(outcome: Outcome, status: number): Appended | undefined {
    const { reassembly, isStream } = answer ?? {
      reassembly: createReassembly(kind, undefined),
      isStream: false,
    };
    const assembled = reassembly.finish();
    const isWhole = outcome === "ok";
    const isError = isWhole && (assembled.isError || status >= 400);
    const faults =
      isStream && isWhole && !reassembly.sawTerminal() ? [...assembled.faults, NO_END] : assembled.faults;
    // Where nothing was generated, upstream counts nothing and says nothing.
    const isFree = kind === "other" || (status >= 400 && !isBatch);
    const none = isFree ? { input: 0, output: 0 } : undefined;
    const usage = isWhole ? (assembled.usage ?? none) : undefined;
    const appended = append(
      {
        type: "res",
        id,
        req,
        outcome: isError ? "upstream_error" : outcome,
        status,
        finish: assembled.finish,
        ...(usage === undefined ? {} : { usage }),
        ...(firstByteMs === undefined ? {} : { ttftMs: round(firstByteMs) }),
        durationMs: round(performance.now() - began),
        raw: assembled.raw,
        ...(faults.length === 0 ? {} : { faults }),
      },
      assembled.content.length === 0 ? undefined : { bytes: assembled.content, key },
    );
    if (appended !== undefined) deps.answered(usage);
    return appended;
  }

  /** The only way to the log. When it fails, nothing more of the answer leaves. */
  function append(entry: Entry, content?: Content): Appended | undefined {
    try {
      const appended = log.append(entry, content);
      appended.durable.catch(fail);
      return appended;
    } catch (error) {
      // A closed log has said why; anything else is a mistake of ours.
      if (log.state().kind === "open") deps.onDefect(error);
      fail();
      return undefined;
    }
  }

  function fail(): void {
    if (failed) return;
    failed = true;
    ended = true;
    takeHeld();
    answer?.parts.stop();
    controller?.abort(new Error("the audit log cannot be written"));
    if (out.hasBegun) out.cut();
    else refuse(AUDIT_UNAVAILABLE);
    settle();
  }

  response.on("close", () => {
    if (!response.writableFinished) interrupt("client_abort");
  });
  // The client may have gone while its request was being written down.
  if (response.destroyed) interrupt("client_abort");

  return {
    done,
    abort: () => interrupt("gateway_abort", SHUTTING_DOWN),
    handler: {
      onRequestStart: (one) => {
        controller = one;
        if (ended) one.abort(new Error("it ended before it began"));
      },
      onResponseStart: (_, status, headers) => {
        if (!ended) onHeaders(status, headers);
      },
      onResponseData: (_, chunk) => onChunk(chunk),
      onResponseEnd: () => void finish("ok"),
      onResponseError: () => void finish("upstream_gone", UPSTREAM_GONE),
    },
  };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
