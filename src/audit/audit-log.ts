/** What writing the log looks like to those who write: the gateway, and verbs that run while no gateway does. */
import type { AppError } from "../shared/errors.ts";
import type { SegmentName } from "./layout.ts";
import type { RecordBody } from "./record.ts";

/** A key for content, of one owner and one day. Nothing in it can be read from the disk without the operator's identity. */
export type ContentKey = {
  /** What payload lines call it; "plain" where content is not sealed. */
  readonly id: string;
  /** 32 bytes of AES-256-GCM; absent where content is not sealed. */
  readonly secret?: Uint8Array;
};

/** In one piece or in several: whoever has several does not copy them for the log. */
export type Content = { readonly bytes: Uint8Array | readonly Uint8Array[]; readonly key: ContentKey };

export type Appended = {
  readonly seq: number;
  /** Resolves when the record and its payload are on the disk; rejects with AppError LOG_UNWRITABLE (engine). */
  readonly durable: Promise<void>;
};

/** Without `payload`: that is made from the content. */
export type Entry = RecordBody extends infer Body
  ? Body extends unknown
    ? Omit<Body, "payload">
    : never
  : never;

export type LogState =
  | { readonly kind: "open" }
  /** Nothing was or will be written since; it stays so until the process starts again. */
  | { readonly kind: "closed"; readonly why: AppError };

export type AuditLog = {
  readonly folder: string;
  /** For an owner's pseudonym, or "-" for nobody's. The first call of a day wraps a new key and makes it durable. */
  contentKey(owner: string): Promise<ContentKey>;
  /** Assigns the next sequence number at once. Throws AppError LOG_UNWRITABLE (engine) once the log is closed. */
  append(entry: Entry, content?: Content): Appended;
  /** Bytes that were appended and are not yet on the disk: who produces more waits when this is large. */
  pendingBytes(): number;
  state(): LogState;
  status(): LogStatus;
  /** Everything appended before is durable and covered by a signed checkpoint when it resolves. */
  checkpoint(): Promise<void>;
  /** Seals the open segment and starts the next; returns the sealed one's name. */
  rotate(reason: "verb" | "purge" | "retain"): Promise<SegmentName>;
  /** Lets nobody else replace or compress sealed segments meanwhile. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Removes wrapped keys of a day from the disk, durably, and never uses them again; returns how many there were. */
  dropKeys(day: string, ids: ReadonlySet<string>): Promise<number>;
  /** A new key signs from here on; returns its verifier key. */
  renewSigningKey(): Promise<string>;
  /** Writes `stop` and `seal`, checkpoints, and lets the folder go. */
  close(): Promise<void>;
};

export type LogStatus = {
  readonly segment: string;
  readonly nextSeq: number;
  readonly durableSeq: number;
  readonly checkpointSize: number;
  readonly cosignedSize: number;
};
