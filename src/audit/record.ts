/**
 * The audit log's ledger, format 1. A segment is a text file of lines. A ledger line is one record as compact JSON, is never
 * rewritten, and is leaf number `seq` of an RFC 6962 tree that never starts again. Where a record has content, the next line is its
 * payload line, which purge and retention may replace. Who reads the bytes hashes the bytes: nothing is ever serialised again.
 */
export const LOG_FORMAT = 1;

/** The longest ledger line in bytes, its newline left out. Content never stands in a ledger line. */
export const MAX_LEDGER_LINE_BYTES = 16_384;

/** In every record, and in this order, before what its type adds. */
export type RecordHead = {
  readonly v: typeof LOG_FORMAT;
  /** 0-based position among all ledger lines of the log, over all segments. */
  readonly seq: number;
  /** RFC 6962 leaf hash of the ledger line before this one, in hex; 64 zeros in record 0. */
  readonly prev: string;
  /** UTC, milliseconds, as the wall clock had it. */
  readonly ts: string;
  /** Milliseconds of the monotonic clock since the writer started. */
  readonly mono: number;
};

/** How a record is bound to its payload line. */
export type PayloadRef = {
  /** Length of the content. */
  readonly bytes: number;
  /** SHA-256 of the payload line without its newline, hex. */
  readonly sha256: string;
  /** HMAC-SHA256 over the content; its key is the 32-byte salt that stands in the payload line (sealed there). Hex. */
  readonly commit: string;
};

/** Who asked, and how well that is known. */
export type Attribution = {
  /** Id of the client key; "host" over the Unix socket of the host; "anonymous" where no key is asked for. */
  readonly client: string;
  /** `jwt`: a user signed for by the UI; `key`: a client's own key; `socket`: whoever may open the host's socket; `none`. */
  readonly strength: "jwt" | "key" | "socket" | "none";
  /** Pseudonyms: HMAC-SHA256 with the deployment's pepper, first 16 bytes, hex. */
  readonly user?: string;
  readonly conversation?: string;
};

export type Usage = { readonly input: number; readonly output: number; readonly cached?: number };

export type ContentMode = "sealed" | "plain" | "session";
export type DurabilityMode = "request" | "strict" | "async";

/** Days that text and ledger lines are kept; `session` keeps no text beyond the process that took it. */
export type RetentionPolicy = { readonly content: number | "session"; readonly ledger: number };

export type Selector =
  | { readonly by: "user"; readonly user: string }
  | { readonly by: "conversation"; readonly conversation: string }
  | { readonly by: "seq"; readonly first: number; readonly last: number }
  /** Everything that was written before, as an ISO date-time in UTC. */
  | { readonly by: "before"; readonly before: string };

/** First and last sequence number, both included. */
export type SeqRange = readonly [first: number, last: number];

export type RecordBody =
  /** First record of every segment. */
  | {
      readonly type: "open";
      readonly reason: "start" | "rotation";
      readonly segment: string;
      readonly origin: string;
      /** C2SP verifier key of the key that signs checkpoints from here on. */
      readonly key: string;
      /** Requests of earlier segments that still wait for their answer. */
      readonly inFlight: number;
    }
  /** Follows each `open` with reason `start`, and every change: what answered, and under which rules. */
  | { readonly type: "config"; readonly config: LoggedConfig }
  | {
      readonly type: "req";
      readonly id: string;
      readonly method: string;
      readonly route: string;
      readonly who: Attribution;
      /** OpenTelemetry gen_ai.request.* and gen_ai.operation.name. */
      readonly genAi: Readonly<Record<string, string | number | boolean | readonly string[]>>;
      readonly payload?: PayloadRef;
    }
  /** What a running stream brought since the part before. */
  | { readonly type: "part"; readonly id: string; readonly req: number; readonly payload?: PayloadRef }
  | {
      readonly type: "res";
      readonly id: string;
      readonly req: number;
      readonly outcome: "ok" | "upstream_error" | "upstream_gone" | "client_abort" | "gateway_abort";
      /** HTTP status that the client saw; 0 where it saw none. */
      readonly status: number;
      readonly finish: readonly string[];
      readonly usage?: Usage;
      readonly ttftMs?: number;
      readonly durationMs: number;
      /** The answer's body as it came from upstream. */
      readonly raw: { readonly sha256: string; readonly bytes: number; readonly frames: number };
      /** What was odd about it, in words of the gateway. */
      readonly faults?: readonly string[];
      readonly payload?: PayloadRef;
    }
  /** A request that was refused; nothing of it was forwarded or kept. */
  | {
      readonly type: "reject";
      readonly id: string;
      readonly method: string;
      /** The route's name, or "unknown". */
      readonly route: string;
      readonly who?: Attribution;
      readonly status: number;
      readonly code: string;
    }
  /** Written on start for each request whose answer the writer did not live to see. */
  | { readonly type: "abandon"; readonly id: string; readonly req: number }
  /** An incomplete last line was cut off. It was never acknowledged; its bytes are not kept. */
  | { readonly type: "recover"; readonly segment: string; readonly bytes: number; readonly sha256: string }
  /** Last record of a segment: how many ledger lines it has, this one included. */
  | {
      readonly type: "seal";
      readonly segment: string;
      readonly reason: "day" | "size" | "stop" | "purge" | "retain" | "verb" | "recovery";
      readonly records: number;
    }
  /** What will be removed, written before it is. */
  | {
      readonly type: "purge";
      readonly selector: Selector;
      readonly reason: string;
      readonly ticket?: string;
      readonly by: string;
      readonly ranges: readonly SeqRange[];
      readonly payloads: number;
    }
  | { readonly type: "purged"; readonly purge: number; readonly payloads: number; readonly keys: number }
  | {
      readonly type: "retain";
      readonly policy: RetentionPolicy;
      readonly by: string;
      /** Payloads to be replaced by tombstones. */
      readonly ranges: readonly SeqRange[];
      readonly payloads: number;
      /** Segments to be deleted, oldest first. */
      readonly segments: readonly string[];
      /** After this run no ledger line below this number is kept; its leaf hash is. */
      readonly minimum: number;
    }
  | {
      readonly type: "retained";
      readonly retain: number;
      readonly payloads: number;
      readonly segments: number;
    }
  | {
      readonly type: "hold";
      readonly name: string;
      readonly state: "set" | "released";
      readonly selector: Selector;
      readonly reason: string;
      readonly by: string;
    }
  /** A new signing key; the one before has signed keyChangeMessage(origin, previous, key). Base64. */
  | { readonly type: "key"; readonly key: string; readonly previous: string; readonly signature: string }
  | { readonly type: "clock"; readonly backMs: number }
  | { readonly type: "disk"; readonly state: "low" | "enough"; readonly freeBytes: number }
  | { readonly type: "heartbeat" }
  | {
      readonly type: "reconcile";
      /** Alias of the model whose server this is about; only where there are two servers. */
      readonly model?: string;
      readonly verdict: "ok" | "gap" | "restarted" | "unknown";
      /** Tokens that llama-server counted since the last reconcile, and tokens that answers in this log account for. */
      readonly upstream: Usage;
      readonly logged: Usage;
      /** Interrupted answers, whose share of upstream's tokens nobody told us. */
      readonly interrupted: number;
    }
  | { readonly type: "witness"; readonly state: "reached" | "lost" | "refused"; readonly detail: string }
  /** Somebody read or exported content on this machine. */
  | { readonly type: "access"; readonly verb: string; readonly by: string; readonly detail: string }
  /** The writer ended in order; every request before it has its answer. */
  | { readonly type: "stop" };

export type LoggedConfig = {
  readonly version: string;
  readonly mode: DurabilityMode;
  readonly content: ContentMode;
  /** age recipients that can read sealed content. */
  readonly recipients: readonly string[];
  readonly retention: RetentionPolicy;
  readonly zone: string;
  /** The model that answers. */
  readonly model: { readonly alias: string; readonly sha256: string };
  /** The model of a second server, which makes vectors of text. */
  readonly embedding?: { readonly alias: string; readonly sha256: string };
  /** References with digests of the images that this runs in and that the model runs in. */
  readonly images: readonly string[];
  /** SHA-256 of the route policy, hex. */
  readonly policy: string;
};

export type LedgerRecord = RecordHead & RecordBody;
export type RecordType = RecordBody["type"];

/** Written in place of `prev` where there is no line before. */
export const NO_PREVIOUS = "0".repeat(64);
