/** What the client's process is told to do, and what it says of it. */
import type { Script } from "./script.ts";
import type { Target } from "./target.ts";

export type LatencyJob = {
  readonly kind: "latency";
  readonly target: Target;
  readonly requests: number;
  readonly connections: number;
  readonly requestBytes: number;
  readonly script: Partial<Script>;
};

/** Milliseconds, and requests a second over all connections. `wrong`: answers that were not 200 or not whole. */
export type LatencyResult = {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  readonly wrong: number;
};

export type StreamJob = {
  readonly kind: "streams";
  readonly target: Target;
  readonly streams: number;
  readonly script: Partial<Script>;
};

export type StreamResult = {
  readonly ttft: number;
  readonly itlP50: number;
  readonly itlP99: number;
  /** Tokens that one read of the socket gave, on average: more than one says that somebody holds tokens back. */
  readonly tokensPerRead: number;
  /** Streams whose text was not the one that was asked for, or did not end in order. */
  readonly wrong: number;
  /** SHA-256 over the bodies of all streams. */
  readonly sha256: string;
};

export type DiskJob = {
  readonly kind: "disk";
  readonly folder: string;
  readonly writes: number;
  /** Before each, in milliseconds: a disk that rests answers later than one that is kept busy. */
  readonly restMs: number;
};
export type DiskResult = { readonly p50: number; readonly p99: number };

export type Job = LatencyJob | StreamJob | DiskJob;
