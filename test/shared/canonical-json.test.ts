import { expect, test } from "vitest";
import { canonicalJson, readableJson } from "../../src/shared/canonical-json.ts";

const value = { b: [2, { z: "ä", a: null }], a: true, B: undefined, "10": 1, "9": 2 };

test("canonicalJson sorts integer-like keys as JavaScript must and all others by code unit, and drops undefined", () => {
  expect(canonicalJson(value)).toBe('{"9":2,"10":1,"a":true,"b":[2,{"a":null,"z":"ä"}]}');
});

test("canonicalJson does not depend on the order in which keys were set", () => {
  expect(canonicalJson({ y: 1, x: 2 })).toBe(canonicalJson({ x: 2, y: 1 }));
});

test("readableJson has two spaces and a final newline", () => {
  expect(readableJson({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}\n');
});

test.each([0.5, Number.NaN, 2 ** 53])("both refuse %s, which readers do not agree on", (number) => {
  expect(() => canonicalJson([number])).toThrow("Not a safe integer");
  expect(() => readableJson({ number })).toThrow("Not a safe integer");
});
