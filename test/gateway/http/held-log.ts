/** A fake of the log that keeps nothing: a test sees in which order records come, and says when one of them is on the disk, or fails. */
import type { AuditLog, Entry } from "../../../src/audit/audit-log.ts";
import { PLAIN_KEY } from "../../../src/audit/payload.ts";
import type { RecordType } from "../../../src/audit/record.ts";
import { AppError } from "../../../src/shared/errors.ts";

export type HeldLog = {
  readonly log: AuditLog;
  readonly entries: readonly Entry[];
  /** Records of this type stay off the disk until then. */
  hold(type: RecordType): void;
  release(type: RecordType): void;
  /** What is held of this type fails, and the log is closed. */
  breakHeld(type: RecordType): void;
  /** From the next append on. */
  breakAll(): void;
  pending(bytes: number): void;
};

type Waiting = {
  readonly type: RecordType;
  readonly resolve: () => void;
  readonly reject: (e: Error) => void;
};

export function createHeldLog(): HeldLog {
  const entries: Entry[] = [];
  const heldTypes = new Set<RecordType>();
  const waiting: Waiting[] = [];
  const why = new AppError({ class: "engine", code: "LOG_UNWRITABLE" }, "Cannot write the audit log: a test");
  let isClosed = false;
  let pendingBytes = 0;

  function take(type: RecordType): readonly Waiting[] {
    const taken = waiting.filter((one) => one.type === type);
    for (const one of taken) waiting.splice(waiting.indexOf(one), 1);
    heldTypes.delete(type);
    return taken;
  }

  return {
    entries,
    hold: (type) => heldTypes.add(type),
    release: (type) => take(type).forEach(({ resolve }) => resolve()),
    breakHeld: (type) => {
      isClosed = true;
      take(type).forEach(({ reject }) => reject(why));
    },
    breakAll: () => {
      isClosed = true;
    },
    pending: (bytes) => {
      pendingBytes = bytes;
    },
    log: {
      folder: "",
      contentKey: async () => PLAIN_KEY,
      append: (entry) => {
        if (isClosed) throw why;
        entries.push(entry);
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        promise.catch(() => undefined);
        if (heldTypes.has(entry.type)) waiting.push({ type: entry.type, resolve, reject });
        else resolve();
        return { seq: entries.length - 1, durable: promise };
      },
      pendingBytes: () => pendingBytes,
      state: () => (isClosed ? { kind: "closed", why } : { kind: "open" }),
      status: () => ({ segment: "", nextSeq: 0, durableSeq: 0, checkpointSize: 0, cosignedSize: 0 }),
      checkpoint: async () => undefined,
      rotate: async () => "",
      exclusively: async (work) => await work(),
      dropKeys: async () => 0,
      renewSigningKey: async () => "",
      close: async () => undefined,
    },
  };
}
