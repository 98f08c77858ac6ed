/**
 * What a QUIC Initial packet asks for (RFC 9000 section 17.2.2). It is encrypted, but with keys that follow from its own
 * destination connection ID (RFC 9001 section 5.2), so whoever sees the packet can read the ClientHello in it.
 */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { serverNameOf } from "./client-hello.ts";

const VERSION_1 = 1;
const SALT = Buffer.from("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "hex");
const TAG_BYTES = 16;
/** A handshake that goes on behind this is not a ClientHello. */
const HANDSHAKE_LIMIT_BYTES = 1 << 16;
const FRAMES = { padding: 0, ping: 1, crypto: 6 } as const;

export type Initial = { readonly destinationId: Buffer; readonly serverName: string | undefined };

/** undefined for what is no Initial packet of version 1, or does not decrypt. */
export function readInitial(datagram: Buffer): Initial | undefined {
  try {
    return decodeInitial(datagram);
  } catch (error) {
    if (error instanceof RangeError || isBadTag(error)) return undefined;
    throw error;
  }
}

function decodeInitial(datagram: Buffer): Initial | undefined {
  const isInitial = (datagram.readUInt8(0) & 0xf0) === 0xc0 && datagram.readUInt32BE(1) === VERSION_1;
  if (!isInitial) return undefined;
  const reader = readerOf(datagram, 5);
  const destinationId = reader.bytes(reader.byte());
  reader.bytes(reader.byte());
  reader.bytes(reader.varint());
  const length = reader.varint();
  const payload = decrypt(datagram, { offset: reader.offset(), length, keys: clientKeys(destinationId) });
  return { destinationId, serverName: serverNameOf(cryptoData(payload)) };
}

type Keys = { readonly key: Buffer; readonly iv: Buffer; readonly headerKey: Buffer };

function clientKeys(destinationId: Buffer): Keys {
  const initial = createHmac("sha256", SALT).update(destinationId).digest();
  const secret = expandLabel(initial, "client in", 32);
  return {
    key: expandLabel(secret, "quic key", 16),
    iv: expandLabel(secret, "quic iv", 12),
    headerKey: expandLabel(secret, "quic hp", 16),
  };
}

/** HKDF-Expand-Label of RFC 8446 section 7.1 with an empty context, for at most one hash's length. */
function expandLabel(secret: Buffer, label: string, length: number): Buffer {
  const full = `tls13 ${label}`;
  const info = Buffer.concat([Buffer.of(0, length, full.length), Buffer.from(full), Buffer.of(0, 1)]);
  return createHmac("sha256", secret).update(info).digest().subarray(0, length);
}

/** RFC 9001 sections 5.3 and 5.4; `offset` is the packet number's. */
function decrypt(
  datagram: Buffer,
  packet: { readonly offset: number; readonly length: number; readonly keys: Keys },
): Buffer {
  const { offset, length, keys } = packet;
  if (offset + length > datagram.length || length < 4 + TAG_BYTES) throw new RangeError("cut short");
  const sample = datagram.subarray(offset + 4, offset + 20);
  const mask = createCipheriv("aes-128-ecb", keys.headerKey, null).update(sample);
  const header = Buffer.from(datagram.subarray(0, offset + 4));
  header[0] = (header[0] ?? 0) ^ ((mask[0] ?? 0) & 0x0f);
  const numberLength = ((header[0] ?? 0) & 0x03) + 1;
  const nonce = Buffer.from(keys.iv);
  for (let index = 0; index < numberLength; index += 1) {
    const byte = (header[offset + index] ?? 0) ^ (mask[1 + index] ?? 0);
    header[offset + index] = byte;
    const place = nonce.length - numberLength + index;
    nonce[place] = (nonce[place] ?? 0) ^ byte;
  }
  const end = offset + length;
  const decipher = createDecipheriv("aes-128-gcm", keys.key, nonce);
  decipher.setAAD(header.subarray(0, offset + numberLength));
  decipher.setAuthTag(datagram.subarray(end - TAG_BYTES, end));
  const sealed = datagram.subarray(offset + numberLength, end - TAG_BYTES);
  return Buffer.concat([decipher.update(sealed), decipher.final()]);
}

/** The pieces of the handshake in order; a ClientHello that goes on in another datagram is read as far as it goes. */
function cryptoData(payload: Buffer): Buffer {
  const pieces: { readonly at: number; readonly bytes: Buffer }[] = [];
  const reader = readerOf(payload, 0);
  while (reader.offset() < payload.length) {
    const type = reader.varint();
    if (type === FRAMES.padding || type === FRAMES.ping) continue;
    if (type !== FRAMES.crypto) break;
    const at = reader.varint();
    const bytes = reader.bytes(reader.varint());
    if (at + bytes.length <= HANDSHAKE_LIMIT_BYTES) pieces.push({ at, bytes });
  }
  const whole = Buffer.alloc(Math.max(0, ...pieces.map(({ at, bytes }) => at + bytes.length)));
  for (const { at, bytes } of pieces) bytes.copy(whole, at);
  return whole;
}

function readerOf(bytes: Buffer, start: number) {
  let offset = start;
  const byte = (): number => {
    const value = bytes.readUInt8(offset);
    offset += 1;
    return value;
  };
  return {
    offset: () => offset,
    byte,
    bytes: (length: number): Buffer => {
      if (offset + length > bytes.length) throw new RangeError("cut short");
      offset += length;
      return bytes.subarray(offset - length, offset);
    },
    /** RFC 9000 section 16: the first two bits say how many bytes. */
    varint: (): number => {
      const first = byte();
      let value = first & 0x3f;
      for (let left = 2 ** (first >> 6) - 1; left > 0; left -= 1) value = value * 256 + byte();
      return value;
    },
  };
}

function isBadTag(error: unknown): boolean {
  return error instanceof Error && /authenticate data|authentication tag/i.test(error.message);
}
