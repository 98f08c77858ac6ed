/** Writes QUIC Initial packets, by RFC 9001 section 5. RFC 9001 appendix A.2 proves it, and it then proves the reader. */
import { createCipheriv, createHmac } from "node:crypto";

const SALT = Buffer.from("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "hex");

type Packet = { readonly destinationId: Buffer; readonly number: number; readonly payload: Buffer };

/** RFC 9001 appendix A.2, the CRYPTO frame before its padding: a ClientHello that names example.com. */
export const RFC_CRYPTO_FRAME = Buffer.from(
  [
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c000004130113",
    "02010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d00170018001000070005",
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d",
    "43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c000240010039",
    "00320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e5157080604",
    "8000ffff",
  ].join(""),
  "hex",
);

const PAYLOAD_BYTES = 1_162;

export function initialPacketFor(serverName: string): Buffer {
  return protectInitial({ destinationId: Buffer.alloc(8, 5), number: 1, payload: helloPayload(serverName) });
}

/** The frames with zeros behind them, which are PADDING, to what an Initial must have. */
export function padded(frames: Buffer): Buffer {
  return Buffer.concat([frames], PAYLOAD_BYTES);
}

/** A CRYPTO frame with a ClientHello that names `serverName`, and padding. */
export function helloPayload(serverName: string): Buffer {
  return padded(cryptoFrame(clientHello(serverName)));
}

/** A packet number of four bytes, no token, no source connection ID. */
export function protectInitial({ destinationId, number, payload }: Packet): Buffer {
  const length = 4 + payload.length + 16;
  const header = Buffer.concat([
    Buffer.from([0xc3, 0, 0, 0, 1, destinationId.length]),
    destinationId,
    Buffer.from([0, 0, 0x40 | (length >> 8), length & 0xff, 0, 0, 0, number]),
  ]);
  const initial = createHmac("sha256", SALT).update(destinationId).digest();
  const secret = expand(initial, "client in", 32);
  const iv = expand(secret, "quic iv", 12);
  iv[11] = (iv[11] ?? 0) ^ number;
  const cipher = createCipheriv("aes-128-gcm", expand(secret, "quic key", 16), iv);
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  const mask = createCipheriv("aes-128-ecb", expand(secret, "quic hp", 16), null).update(
    sealed.subarray(0, 16),
  );
  header[0] = 0xc3 ^ ((mask[0] ?? 0) & 0x0f);
  for (let index = 0; index < 4; index += 1) {
    const place = header.length - 4 + index;
    header[place] = (header[place] ?? 0) ^ (mask[index + 1] ?? 0);
  }
  return Buffer.concat([header, sealed]);
}

/** HKDF-Expand-Label (RFC 8446 section 7.1) for one block of output. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const full = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, length, full.length]), full, Buffer.from([0])]);
  return createHmac("sha256", secret)
    .update(Buffer.concat([info, Buffer.of(1)]))
    .digest()
    .subarray(0, length);
}

/** A handshake message with no extension but the server's name. */
export function clientHello(serverName: string): Buffer {
  const name = Buffer.from(serverName);
  const extension = Buffer.concat([u16(0), vector16(vector16(Buffer.of(0), vector16(name)))]);
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    vector16(u16(0x1301)),
    Buffer.of(1, 0),
    vector16(extension),
  ]);
  return Buffer.concat([Buffer.of(1, 0), vector16(body)]);
}

function cryptoFrame(data: Buffer, offset = 0): Buffer {
  return Buffer.concat([Buffer.of(6), u16(0x4000 | offset), u16(0x4000 | data.length), data]);
}

function vector16(...parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([u16(bytes.length), bytes]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
