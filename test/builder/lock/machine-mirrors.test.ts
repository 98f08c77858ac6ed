import { describe, expect, test } from "vitest";
import { chooseAptUri, choosePipIndex, defaultPipIndex } from "../../../src/builder/lock/machine-mirrors.ts";

const TARGETS = `nodistro http://packages.example/node/
bookworm http://mirror.example/debian/
bookworm http://second.example/debian/
bookworm-updates http://mirror.example/debian/
bookworm-security http://mirror.example/debian-security/
trixie http://other.example/debian/
`;

describe("chooseAptUri", () => {
  test("takes the first entry of bookworm and of its security suite", () => {
    expect(chooseAptUri(TARGETS, "debian")).toBe("http://mirror.example/debian/");
    expect(chooseAptUri(TARGETS, "debian-security")).toBe("http://mirror.example/debian-security/");
  });

  test("takes another Debian release where there is no bookworm, and never somebody else's archive", () => {
    expect(chooseAptUri("nodistro http://a/\ntrixie http://b/\n", "debian")).toBe("http://b/");
    expect(chooseAptUri("nodistro http://a/\nnoble http://b/\n", "debian")).toBeUndefined();
    expect(chooseAptUri("bookworm http://a/\n", "debian-security")).toBeUndefined();
    expect(chooseAptUri("", "debian")).toBeUndefined();
  });
});

describe("choosePipIndex", () => {
  test("puts a variable before the command's section and that before the global one", () => {
    const global = "global.index-url='http://global.example/simple'\n";
    const download = "download.index-url='http://download.example/simple'\n";
    const env = ":env:.index-url='http://me:hush@env.example/simple'\n";
    expect(choosePipIndex(`:env:.cert='x'\n${global}`)).toBe("http://global.example/simple");
    expect(choosePipIndex(global + download)).toBe("http://download.example/simple");
    expect(choosePipIndex(global + download + env)).toBe("http://me:hush@env.example/simple");
  });

  test("finds nothing where only an extra index is set", () => {
    expect(choosePipIndex("global.extra-index-url='http://extra.example/simple'\n")).toBeUndefined();
  });
});

describe("defaultPipIndex", () => {
  test("reads the default out of the help", () => {
    const help =
      "  -i, --index-url <url>   Base URL of the index (default http://index.example/simple). This should point\n" +
      "  --extra-index-url <url> Extra (default nothing).\n";
    expect(defaultPipIndex(help)).toBe("http://index.example/simple");
    expect(defaultPipIndex("  --index-url <url>  Base URL\n  --other (default x)")).toBe("x");
    expect(defaultPipIndex("no such option")).toBeUndefined();
  });
});
