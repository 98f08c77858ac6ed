import { expect, test } from "vitest";
import { serverNameOf, serverNameOfRecords } from "../../../src/world/outside/client-hello.ts";
import { clientHello, RFC_CRYPTO_FRAME } from "./initial-packet.ts";

const hello = clientHello("a.example");

function record(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x16, 3, 1, 0, bytes.length), bytes]);
}

test("the name in a ClientHello of somebody else's making is found among other extensions", () => {
  expect(serverNameOf(RFC_CRYPTO_FRAME.subarray(4))).toBe("example.com");
});

test("a ClientHello that fills two records is read as one", () => {
  const records = [record(hello.subarray(0, 20)), record(hello.subarray(20))];
  expect(serverNameOfRecords(Buffer.concat(records))).toBe("a.example");
});

test("a ClientHello cut short before its name's end names nobody, and throws nothing", () => {
  for (let length = 0; length < hello.length; length += 1)
    expect(serverNameOf(hello.subarray(0, length)), `${length} bytes`).toBeUndefined();
});

test("records cut short name nobody, and throw nothing", () => {
  const stream = record(hello);
  for (let length = 0; length < stream.length; length += 1)
    expect(serverNameOfRecords(stream.subarray(0, length)), `${length} bytes`).toBeUndefined();
});

test("what is no ClientHello names nobody", () => {
  const serverHello = Buffer.from(hello);
  serverHello.writeUInt8(2, 0);
  expect(serverNameOf(serverHello)).toBeUndefined();
  expect(serverNameOfRecords(Buffer.from("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"))).toBeUndefined();
});
