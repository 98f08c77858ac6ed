import { describe, expect, test } from "vitest";
import { normaliseProject, parseProjectPage } from "../../../../src/builder/lock/registry/pypi.ts";

const HEX = "ab".repeat(32);
const BASE = "http://127.0.0.1:1/simple/one/";

function parse(text: string, contentType = "text/html; charset=utf-8") {
  return parseProjectPage({ bytes: Buffer.from(text), contentType, url: BASE });
}

function parseJson(value: unknown) {
  return parse(JSON.stringify(value), "application/vnd.pypi.simple.v1+json");
}

describe("a PEP 503 page", () => {
  test("gives name, absolute address and digest of each link", () => {
    const page = `<!DOCTYPE html><html><body><h1>Links</h1>
      <a href="../../files/one-1.tar.gz#sha256=${HEX}" data-requires-python="&gt;=3.8">one-1.tar.gz</a><br/>
      <A data-yanked href='/x/one-2.tar.gz?a=1&amp;b=2'> one-2.tar.gz </A>
      <a href=one-3.whl#md5=00>one-3.whl</a></body></html>`;
    expect(parse(page)).toEqual([
      { name: "one-1.tar.gz", url: "http://127.0.0.1:1/files/one-1.tar.gz", sha256: `sha256:${HEX}` },
      { name: "one-2.tar.gz", url: "http://127.0.0.1:1/x/one-2.tar.gz?a=1&b=2" },
      { name: "one-3.whl", url: "http://127.0.0.1:1/simple/one/one-3.whl" },
    ]);
  });

  test("may be empty", () => {
    expect(parse("")).toEqual([]);
    expect(parse("<html>no links <a")).toEqual([]);
  });

  test.each([
    ["a link without an address", "<a class=x>one-1.tar.gz</a>"],
    ["an address that is none", '<a href="http://[">one</a>'],
    ["a digest too short", `<a href="x#sha256=${HEX.slice(1)}">one</a>`],
    ["a digest with other characters", `<a href="x#sha256=${"g".repeat(64)}">one</a>`],
  ])("is refused with %s", (_, text) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: "INDEX_PAGE_MALFORMED", class: "integrity" }),
    );
  });
});

describe("a PEP 691 page", () => {
  test("gives the size too where it has one", () => {
    const files = [
      { filename: "one-1.tar.gz", url: "/f/one-1.tar.gz", hashes: { sha256: HEX }, size: 7, extra: true },
      { filename: "one-2.tar.gz", url: "http://127.0.0.1:2/one-2.tar.gz", hashes: {} },
    ];
    expect(parseJson({ meta: {}, name: "one", files })).toEqual([
      {
        name: "one-1.tar.gz",
        url: "http://127.0.0.1:1/f/one-1.tar.gz",
        sha256: `sha256:${HEX}`,
        sizeBytes: 7,
      },
      { name: "one-2.tar.gz", url: "http://127.0.0.1:2/one-2.tar.gz" },
    ]);
  });

  test.each([
    ["no files", {}],
    ["a file without hashes", { files: [{ filename: "x", url: "x" }] }],
    ["a negative size", { files: [{ filename: "x", url: "x", hashes: {}, size: -1 }] }],
    ["a digest that is none", { files: [{ filename: "x", url: "x", hashes: { sha256: "00" } }] }],
    ["a list", []],
  ])("is refused with %s", (_, value) => {
    expect(() => parseJson(value)).toThrow(expect.objectContaining({ code: "INDEX_PAGE_MALFORMED" }));
  });

  test("is refused cut short", () => {
    expect(() => parse('{"files": [', "application/vnd.pypi.simple.v1+json")).toThrow(
      expect.objectContaining({ code: "INDEX_PAGE_MALFORMED" }),
    );
  });
});

test("normaliseProject makes one name of every spelling", () => {
  expect(normaliseProject("Llama_cpp.-Python")).toBe("llama-cpp-python");
});
