/**
 * Payload lines: what a ledger line commits to and purge can replace.
 *
 *   {"payload":12,"codec":"plain","salt":"<hex>","text":"…"}              or "base64" for what is not UTF-8
 *   {"payload":12,"codec":"aes-256-gcm","key":"…","nonce":"…","data":"…"}  base64; the sequence number is authenticated as well
 *   {"tombstone":12,"by":40}                                               removed by what record 40 says
 *
 * Sealed data is one byte (0 as it is, 1 zstd), the length of what follows in four bytes, salt and content, and zeros up to a bucket:
 * the length of a line says little about the length of a prompt.
 */
import { createDecipheriv, createHmac, hash, timingSafeEqual } from "node:crypto";
import { zstdDecompressSync } from "node:zlib";
import { AppError } from "../shared/errors.ts";
import type { ContentKey } from "./audit-log.ts";
import type { LedgerRecord, PayloadRef } from "./record.ts";

export type PayloadLine =
  | { readonly kind: "plain"; readonly seq: number; readonly salt: Uint8Array; readonly bytes: Uint8Array }
  | {
      readonly kind: "sealed";
      readonly seq: number;
      readonly key: string;
      readonly nonce: Uint8Array;
      readonly data: Uint8Array;
    }
  | { readonly kind: "tombstone"; readonly seq: number; readonly by: number };

const TOMBSTONE = Buffer.from('{"tombstone":');

export const PLAIN_KEY: ContentKey = { id: "plain" };

export const SALT_BYTES = 32;
export const HEAD_BYTES = 5;
const TAG_BYTES = 16;
/** What one payload may unpack to. */
const LIMIT_BYTES = 1 << 30;

export const AS_IT_IS = 0;
export const ZSTD = 1;

/** How a record is bound to the payload line that follows it; undefined where none does. */
export function payloadRef(record: LedgerRecord): PayloadRef | undefined {
  return "payload" in record ? record.payload : undefined;
}

/** By how it begins; what it says is for parseTombstone. */
export function isTombstoneLine(line: Uint8Array): boolean {
  return TOMBSTONE.equals(line.subarray(0, TOMBSTONE.length));
}

/** undefined for a line that is none, or is malformed. */
export function parseTombstone(line: Uint8Array): Extract<PayloadLine, { kind: "tombstone" }> | undefined {
  try {
    const parsed = parsePayloadLine(line);
    return parsed.kind === "tombstone" ? parsed : undefined;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

export function encodeTombstone(seq: number, by: number): Buffer {
  return Buffer.from(`{"tombstone":${seq},"by":${by}}`);
}

export function commitment(salt: Uint8Array, pieces: Iterable<Uint8Array>): string {
  const hmac = createHmac("sha256", salt);
  for (const piece of pieces) hmac.update(piece);
  return hmac.digest("hex");
}

/** Throws AppError PAYLOAD_MALFORMED (integrity). */
export function parsePayloadLine(line: Uint8Array): PayloadLine {
  const fields = parseFields(line);
  const { payload, tombstone, by, codec, salt, text, base64, key, nonce, data } = fields;
  if (isSeq(tombstone) && isSeq(by)) return { kind: "tombstone", seq: tombstone, by };
  if (!isSeq(payload)) throw malformed("it names no record");
  if (codec === "plain" && typeof salt === "string") {
    const bytes = typeof text === "string" ? Buffer.from(text) : decodeBase64(base64);
    return { kind: "plain", seq: payload, salt: Buffer.from(salt, "hex"), bytes };
  }
  if (codec === "aes-256-gcm" && typeof key === "string")
    return { kind: "sealed", seq: payload, key, nonce: decodeBase64(nonce), data: decodeBase64(data) };
  throw malformed("its codec is unknown");
}

/** Throws AppError PAYLOAD_UNREADABLE (integrity): another key, or other bytes. */
export function openSealed(
  line: Extract<PayloadLine, { kind: "sealed" }>,
  secret: Uint8Array,
): { readonly salt: Uint8Array; readonly bytes: Uint8Array } {
  try {
    const inner = unpack(decrypt(line, secret));
    return { salt: inner.subarray(0, SALT_BYTES), bytes: inner.subarray(SALT_BYTES) };
  } catch (error) {
    throw new AppError(
      { class: "integrity", code: "PAYLOAD_UNREADABLE" },
      `Cannot open the payload of record ${line.seq} with key "${line.key}": it was sealed with another one, or was changed`,
      { cause: error, fields: { seq: line.seq, key: line.key } },
    );
  }
}

/** Whether content is what the ledger committed to. HMAC pads a short key with zeros: only a salt of its own length is looked at. */
export function matchesCommitment(
  content: { readonly salt: Uint8Array; readonly bytes: Uint8Array },
  ref: PayloadRef,
): boolean {
  if (content.salt.length !== SALT_BYTES) return false;
  const got = Buffer.from(commitment(content.salt, [content.bytes]));
  const want = Buffer.from(ref.commit);
  return got.length === want.length && timingSafeEqual(got, want);
}

function unpack(packed: Buffer): Buffer {
  const length = packed.readUInt32BE(1);
  if (length > packed.length - HEAD_BYTES) throw new RangeError("its length is not within it");
  const body = packed.subarray(HEAD_BYTES, HEAD_BYTES + length);
  return packed[0] === ZSTD ? zstdDecompressSync(body, { maxOutputLength: LIMIT_BYTES }) : body;
}

function decrypt(line: Extract<PayloadLine, { kind: "sealed" }>, secret: Uint8Array): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", secret, line.nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(String(line.seq))).setAuthTag(line.data.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(line.data.subarray(0, -TAG_BYTES)), decipher.final()]);
}

function parseFields(line: Uint8Array): Partial<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(line.buffer, line.byteOffset, line.length).toString("utf8"),
    );
    if (typeof value === "object" && value !== null) return { ...value };
  } catch (error) {
    throw malformed("it is no JSON", error);
  }
  throw malformed("it is no object");
}

function decodeBase64(value: unknown): Buffer {
  if (typeof value !== "string") throw malformed("a part of it is missing");
  return Buffer.from(value, "base64");
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

export function sha256(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

function malformed(why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "integrity", code: "PAYLOAD_MALFORMED" },
    `Cannot read a payload line: ${why}`,
    cause === undefined ? {} : { cause },
  );
}
