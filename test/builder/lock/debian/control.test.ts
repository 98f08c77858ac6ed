import { describe, expect, test } from "vitest";
import { fieldOf, parseStanzas } from "../../../../src/builder/lock/debian/control.ts";

describe("parseStanzas", () => {
  test("keeps field order and spelling, and finds a field whatever its case", () => {
    const [stanza] = parseStanzas("Package: a\nVERSION: 1\nMulti-Arch:same\n");
    expect([...(stanza?.values() ?? [])].map(({ name }) => name)).toEqual([
      "Package",
      "VERSION",
      "Multi-Arch",
    ]);
    expect(stanza && fieldOf(stanza, "version")).toBe("1");
    expect(stanza && fieldOf(stanza, "multi-ARCH")).toBe("same");
    expect(stanza && fieldOf(stanza, "Depends")).toBeUndefined();
  });

  test("keeps a folded value's lines without the blank that folds them", () => {
    const [stanza] = parseStanzas("SHA256:\n aa 1 x\n bb 2 y\nDescription: one\n two\n .\n\tthree  \n");
    expect(stanza && fieldOf(stanza, "SHA256")).toBe("\naa 1 x\nbb 2 y");
    expect(stanza && fieldOf(stanza, "Description")).toBe("one\ntwo\n.\nthree");
  });

  test("parts stanzas by any number of empty lines, with or without a last newline", () => {
    const stanzas = parseStanzas("\n\nA: 1\n\n\n\nA: 2");
    expect(stanzas.map((stanza) => fieldOf(stanza, "A"))).toEqual(["1", "2"]);
    expect(parseStanzas("")).toEqual([]);
  });

  test("skips comments, also inside a folded value, only where they are allowed", () => {
    const text = "# a\nTypes: deb\n# b\nURIs: one\n# c\n two\n";
    const [stanza] = parseStanzas(text, { comments: "skip" });
    expect(stanza && fieldOf(stanza, "URIs")).toBe("one\ntwo");
    expect(() => parseStanzas(text)).toThrow(expect.objectContaining({ code: "CONTROL_MALFORMED" }));
  });

  test.each([
    ["a carriage return", "A: 1\r\nB: 2\r\n"],
    ["a NUL", "A: 1\0\n"],
    ["a repeated field", "A: 1\nB: 2\nA: 3\n"],
    ["a repeated field in another case", "Package: a\npackage: b\n"],
    ["a line of blanks", "A: 1\n \nB: 2\n"],
    ["a line of tabs between stanzas", "A: 1\n\t\t\nB: 2\n"],
    ["a continuation of nothing", " A: 1\n"],
    ["a continuation after an empty line", "A: 1\n\n B\n"],
    ["a line without a colon", "A: 1\nnonsense\n"],
    ["an empty name", ": 1\n"],
    ["a name with a blank", "A B: 1\n"],
    ["a name that starts with a dash", "-A: 1\n"],
    ["a name outside ASCII", "Ä: 1\n"],
  ])("refuses %s", (_, text) => {
    expect(() => parseStanzas(text)).toThrow(
      expect.objectContaining({ code: "CONTROL_MALFORMED", class: "integrity" }),
    );
  });

  test("names the line of a fault", () => {
    expect(() => parseStanzas("A: 1\n\nB: 1\nB: 2\n")).toThrow(
      expect.objectContaining({ fields: { line: 4 } }),
    );
  });
});
