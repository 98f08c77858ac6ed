import { describe, expect, test } from "vitest";
import { parsePackages } from "../../../../src/builder/lock/debian/packages.ts";

const HEX = "ab".repeat(32);
const STANZA = `Package: libfoo1
Source: foo (1.2-1)
Version: 1.2-1+b2
Architecture: amd64
Multi-Arch: same
Maintainer: Zoë <zoe@example.org>
Pre-Depends: libc6 (>= 2.36)
Depends: libbar,
 libbaz
Provides: libfoo (= 1.2)
Section: libs
Priority: optional
Filename: pool/main/f/foo/libfoo1_1.2-1+b2_amd64.deb
Size: 1234
SHA256: ${HEX}
`;

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parsePackages([bytes(text)], "bookworm");

describe("parsePackages", () => {
  test("keeps what locking needs", async () => {
    expect(await parse(STANZA)).toEqual([
      {
        name: "libfoo1",
        version: "1.2-1+b2",
        architecture: "amd64",
        multiArch: "same",
        essential: false,
        priority: "optional",
        section: "libs",
        preDepends: "libc6 (>= 2.36)",
        depends: "libbar,\nlibbaz",
        provides: "libfoo (= 1.2)",
        conflicts: "",
        breaks: "",
        source: { name: "foo", version: "1.2-1" },
        path: "pool/main/f/foo/libfoo1_1.2-1+b2_amd64.deb",
        sizeBytes: 1234,
        sha256: `sha256:${HEX}`,
        suite: "bookworm",
      },
    ]);
  });

  test("takes the binary package for its source where none is named, and its version where that is not", async () => {
    const [own] = await parse(STANZA.replace(/Source: .*\n/, ""));
    const [other] = await parse(STANZA.replace("foo (1.2-1)", "foo"));
    expect(own?.source).toEqual({ name: "libfoo1", version: "1.2-1+b2" });
    expect(other?.source).toEqual({ name: "foo", version: "1.2-1+b2" });
  });

  test("gives the same records however the bytes are cut, also inside a character", async () => {
    const text = Array.from({ length: 5 }, (_, index) => STANZA.replaceAll("libfoo1", `libfoo${index}`)).join(
      "\n",
    );
    const whole = await parse(text);
    const single = await parsePackages(
      Array.from(bytes(text), (byte) => Uint8Array.of(byte)),
      "bookworm",
    );
    expect(whole.map(({ name }) => name)).toEqual(["libfoo0", "libfoo1", "libfoo2", "libfoo3", "libfoo4"]);
    expect(single).toEqual(whole);
  });

  test("gives no record for an empty index", async () => {
    expect(await parsePackages([], "bookworm")).toEqual([]);
  });

  test.each([
    ["no name", STANZA.replace("Package: libfoo1\n", ""), "PACKAGES_MALFORMED"],
    ["a name that is a path", STANZA.replace("Package: libfoo1", "Package: ../evil"), "PACKAGES_MALFORMED"],
    ["no digest", STANZA.replace(/SHA256: .*\n/, ""), "PACKAGES_MALFORMED"],
    ["a short digest", STANZA.replace(HEX, HEX.slice(2)), "PACKAGES_MALFORMED"],
    ["a size that is no number", STANZA.replace("1234", "12x"), "PACKAGES_MALFORMED"],
    ["a negative size", STANZA.replace("1234", "-1"), "PACKAGES_MALFORMED"],
    ["an unknown Multi-Arch", STANZA.replace("same", "other"), "PACKAGES_MALFORMED"],
    ["a file outside the mirror", STANZA.replace("pool/main", "../pool"), "PATH_UNSAFE"],
    ["a second digest", `${STANZA}SHA256: ${HEX}\n`, "CONTROL_MALFORMED"],
    [
      "text cut in the middle of a field name",
      STANZA.slice(0, STANZA.indexOf("Size") + 2),
      "CONTROL_MALFORMED",
    ],
    ["text cut before the digest", STANZA.slice(0, STANZA.indexOf("SHA256")), "PACKAGES_MALFORMED"],
  ])("refuses a stanza with %s", async (_, text, code) => {
    await expect(parse(text)).rejects.toMatchObject({ code, class: "integrity" });
  });

  test("refuses text that is not UTF-8", async () => {
    await expect(parsePackages([Uint8Array.of(0x41, 0xff, 0x0a)], "bookworm")).rejects.toMatchObject({
      code: "PACKAGES_MALFORMED",
    });
  });

  test("refuses a stanza without end before it fills the memory", async () => {
    const piece = bytes("x".repeat(1_000_000));
    const endless = (function* () {
      for (let index = 0; index < 1_000; index += 1) yield index === 0 ? bytes("Package: ") : piece;
      throw new Error("read to the end");
    })();
    await expect(parsePackages(endless, "bookworm")).rejects.toMatchObject({ code: "PACKAGES_MALFORMED" });
  });
});
