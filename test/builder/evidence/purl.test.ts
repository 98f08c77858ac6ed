import { PackageURL } from "packageurl-js";
import { expect, test } from "vitest";
import { purl } from "../../../src/builder/evidence/purl.ts";

const CASES = [
  [
    { type: "deb", namespace: "debian", name: "libstdc++6", version: "12.2.0-14+deb12u1" },
    "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1",
  ],
  [
    {
      type: "deb",
      namespace: "debian",
      name: "a",
      version: "1:2~rc1",
      qualifiers: { distro: "d", arch: "x" },
    },
    "pkg:deb/debian/a@1:2~rc1?arch=x&distro=d",
  ],
  [{ type: "npm", namespace: "@scope", name: "part", version: "1.2.3" }, "pkg:npm/%40scope/part@1.2.3"],
  [{ type: "oci", name: "llama-cpp", version: "sha256:ab" }, "pkg:oci/llama-cpp@sha256:ab"],
  [{ type: "generic", name: "it's (1)", version: "!*" }, "pkg:generic/it%27s%20%281%29@%21%2A"],
] as const;

test.each(CASES)("purl writes %j as the specification does", (parts, text) => {
  expect(purl(parts)).toBe(text);
});

test.each(CASES)("another reader takes %j apart again", (parts) => {
  const read = PackageURL.fromString(purl(parts));
  expect(read).toMatchObject({ type: parts.type, name: parts.name, version: parts.version });
});
