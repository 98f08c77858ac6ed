import { expect, test } from "vitest";
import { debPurl, npmPurl, pypiPurl } from "../../../src/builder/lock/purl.ts";

test("debPurl escapes plus signs and keeps colons and tildes, and takes the release from the suite", () => {
  const pkg = {
    name: "libstdc++6",
    version: "1:12.2.0~a+b",
    architecture: "amd64",
    suite: "bookworm-security",
  };
  expect(debPurl(pkg)).toBe("pkg:deb/debian/libstdc%2B%2B6@1:12.2.0~a%2Bb?arch=amd64&distro=bookworm");
});

test("npmPurl escapes the sign of a scope and keeps its slash", () => {
  expect(npmPurl({ package: "@scope/one", version: "1.2.3" })).toBe("pkg:npm/%40scope/one@1.2.3");
});

test("pypiPurl names project and version", () => {
  expect(pypiPurl("llama-cpp-python", "0.3.36")).toBe("pkg:pypi/llama-cpp-python@0.3.36");
});
