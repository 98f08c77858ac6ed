/**
 * Writes payload lines, in pieces: an answer may be long, and every copy of it that lives at the same time costs its length again.
 */
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import type { Content } from "../audit-log.ts";
import { AS_IT_IS, commitment, HEAD_BYTES, SALT_BYTES, ZSTD } from "../payload.ts";
import type { PayloadRef } from "../record.ts";

type Pieces = Iterable<Uint8Array>;

const NONCE_BYTES = 12;
/** Shorter content gains nothing that its bucket would not take again. */
const COMPRESS_FROM_BYTES = 256;
const SMALLEST_BUCKET_BYTES = 256;
const SLICE_BYTES = 65_536;

/** The line, without newline, and what the ledger says of it. */
export function encodePayload(
  seq: number,
  { bytes, key }: Content,
): { readonly line: readonly Uint8Array[]; readonly ref: PayloadRef } {
  const pieces = bytes instanceof Uint8Array ? [bytes] : bytes;
  const salt = randomBytes(SALT_BYTES);
  const line =
    key.secret === undefined
      ? plainLine(seq, salt, pieces)
      : sealedLine(seq, { salt, pieces, id: key.id, secret: key.secret });
  const hash = createHash("sha256");
  for (const piece of line) hash.update(piece);
  return {
    line,
    ref: { bytes: lengthOf(pieces), sha256: hash.digest("hex"), commit: commitment(salt, pieces) },
  };
}

function plainLine(seq: number, salt: Buffer, pieces: Pieces): readonly Uint8Array[] {
  const head = `{"payload":${seq},"codec":"plain","salt":"${salt.toString("hex")}",`;
  const text = escaped(pieces);
  return text === undefined
    ? [Buffer.from(`${head}"base64":"`), ...base64(pieces), Buffer.from('"}')]
    : [Buffer.from(`${head}"text":"`), ...text, Buffer.from('"}')];
}

/** As it stands in a JSON string; undefined for what is not UTF-8. */
function escaped(pieces: Pieces): readonly Uint8Array[] | undefined {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    const json = Array.from(slices(pieces), (slice) => jsonOf(decoder.decode(slice, { stream: true })));
    return [...json, jsonOf(decoder.decode())];
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function jsonOf(text: string): Uint8Array {
  return Buffer.from(JSON.stringify(text).slice(1, -1));
}

function sealedLine(
  seq: number,
  of: {
    readonly salt: Buffer;
    readonly pieces: Pieces;
    readonly id: string;
    readonly secret: Uint8Array;
  },
): readonly Uint8Array[] {
  const nonce = randomBytes(NONCE_BYTES);
  const head = `{"payload":${seq},"codec":"aes-256-gcm","key":"${of.id}","nonce":"${nonce.toString("base64")}","data":"`;
  const cipher = createCipheriv("aes-256-gcm", of.secret, nonce).setAAD(Buffer.from(String(seq)));
  function* encrypted(): Generator<Uint8Array> {
    for (const slice of slices(pack([of.salt, ...of.pieces]))) yield cipher.update(slice);
    yield cipher.final();
    yield cipher.getAuthTag();
  }
  return [Buffer.from(head), ...base64(encrypted()), Buffer.from('"}')];
}

function pack(inner: readonly Uint8Array[]): readonly Uint8Array[] {
  const length = lengthOf(inner);
  // Told the length, zstd takes no more memory than that needs: most content is short.
  const compressed =
    length < COMPRESS_FROM_BYTES
      ? undefined
      : zstdCompressSync(Buffer.concat(inner), { pledgedSrcSize: length });
  const isShorter = compressed !== undefined && compressed.length < length;
  const body = isShorter ? [compressed] : inner;
  const bodyBytes = lengthOf(body);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(isShorter ? ZSTD : AS_IT_IS, 0);
  head.writeUInt32BE(bodyBytes, 1);
  const filled = HEAD_BYTES + bodyBytes;
  return [head, ...body, Buffer.alloc(bucket(filled) - filled)];
}

/** Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", 2019): at most 12 % longer, few distinct lengths. */
function bucket(length: number): number {
  if (length <= SMALLEST_BUCKET_BYTES) return SMALLEST_BUCKET_BYTES;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
  return Math.ceil(length / step) * step;
}

/** Three bytes are four characters: what is left over waits for the next piece. */
function* base64(pieces: Pieces): Generator<Uint8Array> {
  let rest: Uint8Array = Buffer.alloc(0);
  for (const slice of slices(pieces)) {
    const bytes = Buffer.concat([rest, slice]);
    const whole = bytes.length - (bytes.length % 3);
    yield Buffer.from(bytes.toString("base64", 0, whole), "latin1");
    rest = bytes.subarray(whole);
  }
  yield Buffer.from(Buffer.from(rest).toString("base64"), "latin1");
}

function* slices(pieces: Pieces): Generator<Uint8Array> {
  for (const piece of pieces)
    for (let from = 0; from < piece.length; from += SLICE_BYTES)
      yield piece.subarray(from, from + SLICE_BYTES);
}

function lengthOf(pieces: Pieces): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}
