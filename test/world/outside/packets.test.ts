import { expect, test } from "vitest";
import { createPacketReader } from "../../../src/world/outside/packets.ts";

const FILE_HEADER = Buffer.from("d4c3b2a1020004000000000000000000000004000100000".concat("0"), "hex");

/** pcap-savefile(5): seconds, microseconds, bytes kept, bytes there were. */
function record(frame: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(frame.length, 8);
  header.writeUInt32LE(frame.length, 12);
  return Buffer.concat([header, frame]);
}

function frame(etherType: string, packet: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(12), Buffer.from(etherType, "hex"), packet]);
}

function v4(protocol: number, payload: Buffer, options = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45 + options.length / 4, 0);
  header.writeUInt8(protocol, 9);
  Buffer.from("c0000202cb007150", "hex").copy(header, 12);
  return Buffer.concat([header, options, payload]);
}

function v6(protocol: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(protocol, 6);
  Buffer.from("20010db8000001000000000000000005", "hex").copy(header, 8);
  Buffer.from("20010db8000000020000000000000080", "hex").copy(header, 24);
  return Buffer.concat([header, payload]);
}

const PORTS = Buffer.from("c00001bb00000000", "hex");
const CAPTURE = Buffer.concat([
  FILE_HEADER,
  record(frame("0800", v4(17, PORTS))),
  record(frame("0806", Buffer.alloc(46))),
  record(frame("86dd", v6(6, PORTS))),
  record(frame("0800", v4(253, Buffer.from("0123456789abcdef")))),
  record(frame("0800", v4(6, PORTS, Buffer.alloc(8)))),
]);
const EXPECTED = [
  { protocol: "udp", from: "192.0.2.2", to: "203.0.113.80", port: 443 },
  { protocol: "tcp", from: "2001:db8:0:100:0:0:0:5", to: "2001:db8:0:2:0:0:0:80", port: 443 },
  { protocol: "253", from: "192.0.2.2", to: "203.0.113.80", port: 0 },
  { protocol: "tcp", from: "192.0.2.2", to: "203.0.113.80", port: 443 },
];

function read(...chunks: readonly Uint8Array[]) {
  const reader = createPacketReader();
  return chunks
    .flatMap((chunk) => reader.push(chunk))
    .map(({ protocol, from, to, port }) => ({ protocol, from, to, port }));
}

test("packets of both versions are read with who, to whom and what; neighbours' ARP is passed over", () => {
  expect(read(CAPTURE)).toEqual(EXPECTED);
});

test("a stream that comes byte by byte gives the same packets", () => {
  expect(read(...Array.from(CAPTURE, (byte) => Uint8Array.of(byte)))).toEqual(EXPECTED);
});

test("a packet's bytes are its own, from the network header on", () => {
  const packets = createPacketReader().push(CAPTURE);
  expect(packets[2]?.bytes.subarray(20).toString()).toBe("0123456789abcdef");
});

test("a stream that ends inside a record holds that record back", () => {
  expect(read(CAPTURE.subarray(0, CAPTURE.length - 1))).toEqual(EXPECTED.slice(0, 3));
});

test("packets too short for their own header have no ports, and throw nothing", () => {
  for (const packet of [v4(6, Buffer.alloc(2)), v4(17, Buffer.alloc(0)), v6(17, Buffer.alloc(3))]) {
    const etherType = packet.readUInt8(0) === 0x45 ? "0800" : "86dd";
    expect(read(Buffer.concat([FILE_HEADER, record(frame(etherType, packet))]))[0]?.port).toBe(0);
  }
  expect(read(Buffer.concat([FILE_HEADER, record(frame("86dd", Buffer.alloc(20)))]))).toEqual([]);
  expect(read(Buffer.concat([FILE_HEADER, record(Buffer.alloc(3))]))).toEqual([]);
});

test("what is no Ethernet capture in this byte order is refused", () => {
  const bigEndian = Buffer.from(FILE_HEADER).swap32();
  const otherLink = Buffer.from(FILE_HEADER);
  otherLink.writeUInt32LE(113, 20);
  for (const header of [bigEndian, otherLink]) expect(() => read(header)).toThrow("Not a capture");
});
