/** Writes QUIC Initial packets, by RFC 9001 section 5. RFC 9001 appendix A.2 proves it, and it then proves the reader. */
import { createCipheriv, createHmac } from "node:crypto";

const SALT = Buffer.from("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "hex");

type Packet = { readonly destinationId: Buffer; readonly number: number; readonly payload: Buffer };

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

/** A CRYPTO frame with a ClientHello that names `serverName`, and padding to what an Initial must have. */
export function helloPayload(serverName: string): Buffer {
  const name = Buffer.from(serverName);
  const extension = Buffer.concat([
    u16(0),
    u16(name.length + 5),
    u16(name.length + 3),
    Buffer.of(0),
    u16(name.length),
    name,
  ]);
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    u16(2),
    u16(0x1301),
    Buffer.of(1, 0),
    u16(extension.length),
    extension,
  ]);
  const hello = Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
  const frame = Buffer.concat([Buffer.of(6, 0, 0x40 | (hello.length >> 8), hello.length & 0xff), hello]);
  return Buffer.concat([frame], 1162);
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}
