import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parsePackument } from "../../../../src/builder/lock/registry/npm.ts";

const SHA512 = createHash("sha512").update("x").digest("base64");
const WANTED = { package: "@scope/one", version: "1.2.3" };

function packument(dist: object, version = WANTED.version): string {
  return JSON.stringify({ name: WANTED.package, versions: { [version]: { dist } } });
}

describe("parsePackument", () => {
  test("gives the tarball's path below the registry, whatever host is named, and its sha512", () => {
    const tarball = "http://127.0.0.1:9/npm/@scope/one/-/one-1.2.3.tgz?x=1";
    const text = packument({ tarball, integrity: `sha1-AAAA sha512-${SHA512}` });
    expect(parsePackument(text, WANTED)).toEqual({ path: "@scope/one/-/one-1.2.3.tgz", sha512: SHA512 });
  });

  test.each(["1.2.4", "__proto__", "constructor"])("says NPM_VERSION_UNKNOWN for version %s", (version) => {
    const text = packument({ tarball: "http://x/a.tgz", integrity: `sha512-${SHA512}` });
    expect(() => parsePackument(text, { ...WANTED, version })).toThrow(
      expect.objectContaining({ code: "NPM_VERSION_UNKNOWN", class: "usage" }),
    );
  });

  test.each([
    ["no integrity", { tarball: "http://x/a.tgz" }],
    ["only a sha1", { tarball: "http://x/a.tgz", integrity: "sha1-qvTGHdzF6KLavt4PO0gs2a6pQ00=" }],
    ["a sha512 cut short", { tarball: "http://x/a.tgz", integrity: `sha512-${SHA512.slice(4)}` }],
    ["no tarball", { integrity: `sha512-${SHA512}` }],
    ["a tarball that is none", { tarball: "http://x/..", integrity: `sha512-${SHA512}` }],
    [
      "a tarball with a path in its name",
      { tarball: "http://x/a%2f..%2fb.tgz", integrity: `sha512-${SHA512}` },
    ],
  ])("refuses a version with %s", (_, dist) => {
    expect(() => parsePackument(packument(dist), WANTED)).toThrow(
      expect.objectContaining({ code: "NPM_METADATA_MALFORMED", class: "integrity" }),
    );
  });

  test.each(["", "{", "[]", "null", '{"versions": []}', '{"versions": {"1.2.3": 1}}'])(
    "refuses %j",
    (text) => {
      expect(() => parsePackument(text, WANTED)).toThrow(
        expect.objectContaining({ code: "NPM_METADATA_MALFORMED" }),
      );
    },
  );
});
