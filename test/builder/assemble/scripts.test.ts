import { describe, expect, test } from "vitest";
import {
  bindScripts,
  parseDecisions,
  readDecisions,
  scriptsIn,
} from "../../../src/builder/assemble/scripts.ts";
import { digestOf } from "../../../src/shared/digest.ts";

const POSTINST = Buffer.from("#!/bin/sh\n");
const PRERM = Buffer.from("#!/bin/sh\nexit 0\n");
const SMALL = { name: "small", version: "1.0-1" };
const TEXT = `
format: 1
decisions:
  - package: small
    scripts: { postinst: "${digestOf(POSTINST)}" }
    effect: accounts
    because: It makes the accounts of the recipe.
  - package: small
    scripts: { prerm: "${digestOf(PRERM)}" }
    because: Nothing is ever removed from a root.
`;

describe("bindScripts", () => {
  const decisions = parseDecisions(TEXT, "decisions.yaml");

  test("binds each script to the decision on its own bytes", () => {
    const scripts = new Map([["prerm", PRERM] as const, ["postinst", POSTINST] as const]);
    expect(bindScripts(SMALL, scripts, decisions)).toEqual([
      { name: "postinst", sha256: digestOf(POSTINST), decision: { kind: "effect", effect: "accounts" } },
      {
        name: "prerm",
        sha256: digestOf(PRERM),
        decision: { kind: "not needed", because: "Nothing is ever removed from a root." },
      },
    ]);
  });

  test.each([
    ["another byte in it", SMALL, "postinst", Buffer.from("#!/bin/sh\n\n")],
    ["the same bytes under another name", SMALL, "preinst", POSTINST],
    ["the same bytes in another package", { ...SMALL, name: "other" }, "postinst", POSTINST],
  ] as const)("refuses a script with %s", (...[, pkg, name, bytes]) => {
    const bind = () => bindScripts(pkg, new Map([[name, bytes]]), decisions);
    expect(bind).toThrow(
      expect.objectContaining({
        class: "usage",
        code: "SCRIPT_UNDECIDED",
        fields: {
          package: pkg.name,
          version: "1.0-1",
          scripts: [`${name}: ${digestOf(bytes)}`],
          path: "decisions.yaml",
        },
      }),
    );
  });

  test("names all undecided scripts of a package at once", () => {
    const scripts = new Map([["config", PRERM] as const, ["postrm", PRERM] as const]);
    const sha256 = digestOf(PRERM);
    expect(() => bindScripts(SMALL, scripts, decisions)).toThrow(
      expect.objectContaining({
        fields: expect.objectContaining({ scripts: [`config: ${sha256}`, `postrm: ${sha256}`] }),
      }) as Error,
    );
  });
});

describe("parseDecisions refuses", () => {
  test.each([
    ["text that is no YAML", "format: [1"],
    ["another format", "format: 2\ndecisions: []\n"],
    ["an unknown field", TEXT.replace("effect:", "efect:")],
    ["an unknown effect", TEXT.replace("accounts\n", "everything\n")],
    ["an unknown script", TEXT.replace("postinst:", "triggers:")],
    ["a digest cut short", TEXT.replace(/[0-9a-f]{4}"/, '"')],
    ["a decision without a reason", TEXT.replace(/ {4}because: Nothing.*\n/, "")],
    ["an empty reason", TEXT.replace("Nothing is ever removed from a root.", "No.")],
    ["a script that is decided on twice", TEXT + TEXT.slice(TEXT.indexOf("  - package"))],
    ["nothing", ""],
  ])("%s", (_, text) => {
    expect(() => parseDecisions(text, "decisions.yaml")).toThrow(
      expect.objectContaining({ class: "usage", code: "DECISIONS_INVALID" }) as Error,
    );
  });
});

test("scriptsIn takes maintainer scripts alone", () => {
  const files = new Map(["control", "md5sums", "prerm", "triggers", "config"].map((name) => [name, PRERM]));
  expect([...scriptsIn(files).keys()]).toEqual(["config", "prerm"]);
});

test("the repository's own decisions are valid", async () => {
  const { decisions } = await readDecisions("images/maintainer-scripts.yaml");
  expect(decisions.size).toBeGreaterThan(30);
});
