/** A QUIC client's first packet, sealed with the keys that RFC 9001 appendix A.1 prints: nothing here derives a key. */
import { createCipheriv } from "node:crypto";

/** Appendix A.1: what the connection ID 8394c8f03e515708 leads to. */
const DESTINATION_ID = "8394c8f03e515708";
const KEY = Buffer.from("1f369613dd76d5467730efcbe3b1a22d", "hex");
const IV = Buffer.from("fa044b2f42a3fd3b46fb255c", "hex");
const HEADER_KEY = Buffer.from("9f50449e04a0e810283a1e9933adedd2", "hex");

const TAG_BYTES = 16;
const PACKET_NUMBER = "00000002";
const PAYLOAD_BYTES = 1_162;

/** Appendix A.2, the CRYPTO frame before its padding: a ClientHello that names example.com. */
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

export function initialPacketFor(serverName: string): Buffer {
  return sealInitial(cryptoFrame(clientHello(serverName)));
}

function sealInitial(frames: Buffer): Buffer {
  const payload = Buffer.concat([frames, Buffer.alloc(PAYLOAD_BYTES - frames.length)]);
  const length = PACKET_NUMBER.length / 2 + payload.length + TAG_BYTES;
  const header = Buffer.from(
    `c30000000108${DESTINATION_ID}0000${(0x4000 | length).toString(16)}${PACKET_NUMBER}`,
    "hex",
  );
  const nonce = Buffer.from(IV);
  nonce.writeUInt8(nonce.readUInt8(11) ^ 2, 11);
  const cipher = createCipheriv("aes-128-gcm", KEY, nonce);
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  const mask = createCipheriv("aes-128-ecb", HEADER_KEY, null).update(sealed.subarray(0, 16));
  const first = header.length - 4;
  header.writeUInt8(header.readUInt8(0) ^ (mask.readUInt8(0) & 0x0f), 0);
  for (let index = 0; index < 4; index += 1)
    header.writeUInt8(header.readUInt8(first + index) ^ mask.readUInt8(1 + index), first + index);
  return Buffer.concat([header, sealed]);
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
