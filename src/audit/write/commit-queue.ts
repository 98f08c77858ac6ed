/** Group commit: what is appended while the disk works on one batch is the next batch. */
import type { SegmentName } from "../layout.ts";

export type Batch = {
  readonly segment: SegmentName;
  readonly buffers: Uint8Array[];
  bytes: number;
  /** RFC 6962 leaf hashes of the ledger lines in it. */
  readonly leaves: Uint8Array[];
  readonly durable: Promise<void>;
};

export type CommitQueue = {
  /** Resolves when these buffers and all before them are on the disk. */
  add(segment: SegmentName, buffers: readonly Uint8Array[], leaf: Uint8Array): Promise<void>;
  pendingBytes(): number;
  /** Resolves when nothing is pending; rejects as the batches did. */
  drain(): Promise<void>;
};

type OpenBatch = Batch & { settle(error?: unknown): void };

/**
 * `commit` writes one batch and resolves when it is durable. When it throws, that batch and everything after it are rejected with
 * the same error, for good.
 */
export function createCommitQueue(commit: (batch: Batch) => Promise<void>): CommitQueue {
  const waiting: OpenBatch[] = [];
  let pendingBytes = 0;
  let running = false;
  let newest: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;

  async function run(): Promise<void> {
    running = true;
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      try {
        if (failure === undefined) await commit(batch);
      } catch (error) {
        failure = { error };
      }
      pendingBytes -= batch.bytes;
      batch.settle(failure?.error);
    }
    running = false;
  }

  function openBatch(segment: SegmentName): OpenBatch {
    const last = waiting.at(-1);
    if (last?.segment === segment) return last;
    const fresh = newBatch(segment);
    waiting.push(fresh);
    newest = fresh.durable;
    return fresh;
  }

  return {
    add: async (segment, buffers, leaf) => {
      if (failure !== undefined) throw failure.error;
      const batch = openBatch(segment);
      batch.buffers.push(...buffers);
      batch.leaves.push(leaf);
      for (const { length } of buffers) {
        batch.bytes += length;
        pendingBytes += length;
      }
      // What is appended in the same turn of the event loop goes along.
      if (!running) {
        running = true;
        queueMicrotask(() => void run());
      }
      await batch.durable;
    },
    pendingBytes: () => pendingBytes,
    drain: async () => await newest,
  };
}

function newBatch(segment: SegmentName): OpenBatch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Whoever appended has its own chain on this promise; without any, a failure is still told by the log's state.
  promise.catch(() => undefined);
  return {
    segment,
    buffers: [],
    bytes: 0,
    leaves: [],
    durable: promise,
    settle: (error) => (error === undefined ? resolve() : reject(error)),
  };
}
