import { expect, test } from "vitest";
import { answerAsOutside } from "../../../src/world/outside/dns.ts";

function query(name: string, type: number): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([
    Buffer.from("abcd01000001000000000000", "hex"),
    ...labels,
    Buffer.of(0, 0, type, 0, 1),
  ]);
}

test.each([
  ["A", 1, "cb007150"],
  ["AAAA", 28, "20010db8000000020000000000000080"],
])("answers any name's %s with an address of the outside", (_, type, data) => {
  const asked = query("n0123456789abcdef.example", type);
  const answered = answerAsOutside(asked);
  expect(answered?.name).toBe("n0123456789abcdef.example");
  const { message = Buffer.alloc(0) } = answered ?? {};
  expect(message.toString("hex", 0, 12)).toBe("abcd85800001000100000000");
  expect(message.subarray(12, asked.length)).toEqual(asked.subarray(12));
  expect(message.toString("hex", message.length - data.length / 2)).toBe(data);
});

test("answers a type that it does not have with no record", () => {
  expect(answerAsOutside(query("a.example", 99))?.message.readUInt16BE(6)).toBe(0);
});

test.each([
  ["an answer", Buffer.from("abcd81800001000000000000016100000100 01".replace(" ", ""), "hex")],
  [
    "two questions",
    Buffer.from("abcd01000002000000000000016100000100010161000001 0001".replace(" ", ""), "hex"),
  ],
  ["a name without end", query("a.example", 1).subarray(0, 20)],
  ["a compressed name", Buffer.from("abcd01000001000000000000c00c00010001", "hex")],
  ["nothing", Buffer.alloc(0)],
])("leaves %s unanswered", (_, message) => {
  expect(answerAsOutside(message)).toBeUndefined();
});
