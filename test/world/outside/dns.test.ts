import { expect, test } from "vitest";
import { answerQuery } from "../../../src/world/outside/dns.ts";

/** RFC 1035 section 4.1: id 4343, recursion desired, one question. */
function query(name: string, type: number): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  const header = Buffer.from("434301000001000000000000", "hex");
  return Buffer.concat([header, ...labels, Buffer.of(0, type >> 8, type & 0xff, 0, 1)]);
}

test.each([
  [1, "cb007150"],
  [28, "20010db8000000020000000000000080"],
])("a question of type %i is answered with the outside's own address", (type, data) => {
  const answered = answerQuery(query("n0123456789abcdef.example", type));
  expect(answered?.name).toBe("n0123456789abcdef.example");
  const hex = answered?.message.toString("hex") ?? "";
  expect(hex.startsWith("43438580000100010000000")).toBe(true);
  expect(hex.endsWith(`${(data.length / 2).toString(16).padStart(4, "0")}${data}`)).toBe(true);
});

test("a TXT question is answered with one string", () => {
  const message = answerQuery(query("a.example", 16))?.message;
  expect(message?.subarray(-13).toString("latin1")).toBe("\x0c203.0.113.53");
});

test("a question of another type is answered with no record", () => {
  const answered = answerQuery(query("a.example", 15));
  expect(answered?.name).toBe("a.example");
  expect(answered?.message.readUInt16BE(6)).toBe(0);
});

test("a query cut short is not answered, and throws nothing", () => {
  const whole = query("n0123456789abcdef.example", 1);
  for (let length = 0; length < whole.length; length += 1)
    expect(answerQuery(whole.subarray(0, length)), `${length} bytes`).toBeUndefined();
});

test("an answer, two questions and a compressed name are not answered", () => {
  const answer = query("a.example", 1);
  answer.writeUInt8(0x81, 2);
  const two = query("a.example", 1);
  two.writeUInt16BE(2, 4);
  const pointer = Buffer.concat([query("a.example", 1).subarray(0, 12), Buffer.from("c00c00010001", "hex")]);
  expect([answer, two, pointer].map(answerQuery)).toEqual([undefined, undefined, undefined]);
});
