import { describe, expect, test } from "vitest";
import {
  formatRelation,
  parseFlatRelations,
  parseRelations,
  versionMeets,
} from "../../../../src/builder/lock/debian/relations.ts";

const parse = (text: string) =>
  parseRelations(text, "amd64").map((alternatives) => alternatives.map(formatRelation).join(" | "));

describe("parseRelations", () => {
  test("reads names, alternatives, versions and qualifiers", () => {
    expect(parse("libc6 (>= 2.36), awk|mawk ( << 1:2~rc1 ),\n python3:any (>=3.11~), gcc:native")).toEqual([
      "libc6 (>= 2.36)",
      "awk | mawk (<< 1:2~rc1)",
      "python3:any (>= 3.11~)",
      "gcc:native",
    ]);
    expect(parse("")).toEqual([]);
    expect(parse(" \n ")).toEqual([]);
  });

  test("reads the old < and > as dpkg does, as <= and >=", () => {
    expect(parse("a (< 1), b (> 2)")).toEqual(["a (<= 1)", "b (>= 2)"]);
  });

  test("applies architecture lists and drops what is for others", () => {
    expect(
      parse("a [amd64], b [arm64 i386], c [!amd64], d [!arm64] | e [arm64], f (>= 1) [linux-any]"),
    ).toEqual(["a", "d", "f (>= 1)"]);
  });

  test.each([
    "a,",
    ",a",
    "a,,b",
    "a |",
    "| a",
    "a b",
    "a (1)",
    "a (>= )",
    "a (>= 1",
    "a (=> 1)",
    "a (== 1)",
    "a (>= 1) (<< 2)",
    "a [",
    "a []",
    "a [amd64 !arm64]",
    "a <!nocheck>",
    "-a",
    "a/b",
    "a:",
    "ä",
  ])("refuses %j", (text) => {
    expect(() => parseRelations(text, "amd64")).toThrow(
      expect.objectContaining({ code: "RELATION_MALFORMED", class: "integrity" }),
    );
  });

  test("reads a megabyte of blanks in linear time", () => {
    expect(() => parseRelations(`a${" ".repeat(1_000_000)}b`, "amd64")).toThrow(
      expect.objectContaining({ code: "RELATION_MALFORMED" }),
    );
  });
});

test("parseFlatRelations refuses alternatives, which Provides and Conflicts cannot have", () => {
  expect(parseFlatRelations("a, b (= 1)", "amd64").map(formatRelation)).toEqual(["a", "b (= 1)"]);
  expect(() => parseFlatRelations("a | b", "amd64")).toThrow(
    expect.objectContaining({ code: "RELATION_MALFORMED" }),
  );
});

test.each([
  ["<<", [true, false, false]],
  ["<=", [true, true, false]],
  ["=", [false, true, false]],
  [">=", [false, true, true]],
  [">>", [false, false, true]],
] as const)("versionMeets %s holds for an older, the same, a newer version: %j", (operator, expected) => {
  const constraint = { operator, version: "2" };
  expect(["2~", "2", "2+"].map((version) => versionMeets(version, constraint))).toEqual(expected);
});
