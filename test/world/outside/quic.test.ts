import { expect, test } from "vitest";
import { readInitial } from "../../../src/world/outside/quic.ts";
import {
  clientHello,
  cryptoFrame,
  initialPacketFor,
  RFC_CRYPTO_FRAME,
  RFC_PACKET_END,
  RFC_PACKET_START,
  sealInitial,
} from "../initial-packet.ts";

test("the test's own packet is the one that RFC 9001 appendix A.2 prints", () => {
  const hex = sealInitial(RFC_CRYPTO_FRAME).toString("hex");
  expect(hex.length).toBe(2 * 1_200);
  expect(hex.startsWith(RFC_PACKET_START)).toBe(true);
  expect(hex.endsWith(RFC_PACKET_END)).toBe(true);
});

test("the name in the packet of RFC 9001 appendix A.2 is example.com", () => {
  const initial = readInitial(sealInitial(RFC_CRYPTO_FRAME));
  expect(initial?.serverName).toBe("example.com");
  expect(initial?.destinationId.toString("hex")).toBe("8394c8f03e515708");
});

test("a nonce that only the encrypted name carries is read", () => {
  const packet = initialPacketFor("n0123456789abcdef.example");
  expect(packet.includes("0123456789abcdef")).toBe(false);
  expect(readInitial(packet)?.serverName).toBe("n0123456789abcdef.example");
});

test("a ClientHello in pieces, out of order and between pings, is put together", () => {
  const hello = clientHello("pieces.example");
  const frames = [cryptoFrame(hello.subarray(30), 30), Buffer.of(1, 0), cryptoFrame(hello.subarray(0, 30))];
  expect(readInitial(sealInitial(Buffer.concat(frames)))?.serverName).toBe("pieces.example");
});

test("a packet cut short anywhere is no packet, and throws nothing", () => {
  const packet = sealInitial(RFC_CRYPTO_FRAME);
  for (let length = 0; length < packet.length; length += 1)
    expect(readInitial(packet.subarray(0, length)), `${length} bytes`).toBeUndefined();
});

test.each([0, 5, 12, 17, 25, 600, 1_199])(
  "a bit flipped in byte %i is no packet, and throws nothing",
  (at) => {
    const packet = sealInitial(RFC_CRYPTO_FRAME);
    packet.writeUInt8(packet.readUInt8(at) ^ 0x40, at);
    expect(readInitial(packet)).toBeUndefined();
  },
);

test("frames that promise more than the packet has name nobody, and throw nothing", () => {
  for (const frames of ["0640ffffff", "06c0ffffffffffffff4001ff", "06bfffffff4001aa", "ff"]) {
    const initial = readInitial(
      sealInitial(Buffer.concat([Buffer.alloc(1_150), Buffer.from(frames, "hex")])),
    );
    expect(initial?.serverName, frames).toBeUndefined();
  }
});

test("a piece that claims to lie 2^60 bytes into the handshake takes no memory, and hides no name", () => {
  const far = Buffer.from("06d000000000000000" + "4001aa", "hex");
  const packet = sealInitial(Buffer.concat([far, cryptoFrame(clientHello("near.example"))]));
  expect(readInitial(packet)?.serverName).toBe("near.example");
});
