import { expect, test } from "vitest";
import { readInitial } from "../../../src/world/outside/quic.ts";
import { helloPayload, protectInitial } from "./initial-packet.ts";

/** RFC 9001 appendix A.2: the ClientHello's CRYPTO frame for example.com, padded with zeros to 1162 bytes. */
const RFC_PAYLOAD = Buffer.concat(
  [
    Buffer.from(
      "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
      "hex",
    ),
  ],
  1162,
);
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
