import { expect, test } from "vitest";
import { readInitial } from "../../../src/world/outside/quic.ts";
import { helloPayload, padded, protectInitial, RFC_CRYPTO_FRAME } from "./initial-packet.ts";

const RFC_PAYLOAD = padded(RFC_CRYPTO_FRAME);
const destinationId = Buffer.from("8394c8f03e515708", "hex");

test("the test's own writer makes the packet of RFC 9001 appendix A.2", () => {
  const packet = protectInitial({ destinationId, number: 2, payload: RFC_PAYLOAD });
  expect(packet.length).toBe(1200);
  expect(packet.toString("hex", 0, 38)).toBe(
    "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b",
  );
  expect(packet.toString("hex", 1184)).toBe("e221af44860018ab0856972e194cd934");
});

test("readInitial reads the server name out of that packet", () => {
  const packet = protectInitial({ destinationId, number: 2, payload: RFC_PAYLOAD });
  expect(readInitial(packet)).toEqual({ destinationId, serverName: "example.com" });
});

test("readInitial reads a name behind another connection ID and packet number", () => {
  const packet = protectInitial({
    destinationId: Buffer.from("0102030405", "hex"),
    number: 9,
    payload: helloPayload("a.example"),
  });
  expect(readInitial(packet)?.serverName).toBe("a.example");
});

test("readInitial takes nothing from a packet of which one byte was changed, or that is cut or none", () => {
  const packet = protectInitial({ destinationId, number: 2, payload: RFC_PAYLOAD });
  for (const place of [30, 600, 1190]) {
    const changed = Buffer.from(packet);
    changed[place] = (changed[place] ?? 0) ^ 1;
    expect(readInitial(changed)).toBeUndefined();
  }
  for (let length = 0; length < 1200; length += 37)
    expect(readInitial(packet.subarray(0, length))).toBeUndefined();
  expect(readInitial(Buffer.alloc(1200, 0xff))).toBeUndefined();
});
