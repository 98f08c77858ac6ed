import { describe, expect, test } from "vitest";
import type { PackageRecord } from "../../../../src/builder/lock/debian/packages.ts";
import { resolvePackages, type ResolveInput } from "../../../../src/builder/lock/debian/resolve.ts";
import { digestOf } from "../../../../src/shared/digest.ts";
import { parseRelativePath } from "../../../../src/shared/relative-path.ts";

function pkg(name: string, fields: Partial<PackageRecord> = {}): PackageRecord {
  const version = fields.version ?? "1";
  return {
    name,
    version,
    architecture: "amd64",
    multiArch: "no",
    essential: false,
    priority: "optional",
    section: "misc",
    preDepends: "",
    depends: "",
    provides: "",
    conflicts: "",
    breaks: "",
    source: { name, version },
    path: parseRelativePath(`pool/${name}_${version}.deb`),
    sizeBytes: 1,
    sha256: digestOf(`${name} ${version}`),
    suite: "bookworm",
    ...fields,
  };
}

function resolve(wanted: string, candidates: PackageRecord[], more: Partial<ResolveInput> = {}) {
  return resolvePackages({ wanted: wanted.split(" "), candidates, omit: [], architecture: "amd64", ...more });
}

const namesOf = (wanted: string, candidates: PackageRecord[], more: Partial<ResolveInput> = {}) =>
  resolve(wanted, candidates, more).packages.map(({ name, version }) => `${name} ${version}`);

const failure = (code: string) => expect.objectContaining({ code, class: "usage" });

describe("resolvePackages chooses", () => {
  test("the closure over Pre-Depends and Depends, sorted, each with the package that asked for it", () => {
    const { packages } = resolve("top", [
      pkg("top", { preDepends: "zlib", depends: "mid" }),
      pkg("mid", { depends: "zlib, deep" }),
      pkg("deep"),
      pkg("zlib"),
      pkg("unrelated"),
    ]);
    expect(packages.map(({ name, because }) => [name, because])).toEqual([
      ["deep", "mid"],
      ["mid", "top"],
      ["top", undefined],
      ["zlib", "top"],
    ]);
  });

  test("all that a lock says about a package", () => {
    expect(resolve("a", [pkg("a", { source: { name: "src", version: "2" }, depends: "" })]).packages).toEqual(
      [
        {
          name: "a",
          version: "1",
          architecture: "amd64",
          path: "pool/a_1.deb",
          sizeBytes: 1,
          sha256: digestOf("a 1"),
          source: { name: "src", version: "2" },
          section: "misc",
          suite: "bookworm",
        },
      ],
    );
  });

  test("the highest version over all suites, by Debian's order", () => {
    const versions = ["1.9", "1.10", "1.10~rc1", "1.2"].map((version) =>
      pkg("a", { version, suite: `s${version}` }),
    );
    expect(namesOf("a", versions)).toEqual(["a 1.10"]);
  });

  test("the first suite's record where two suites have the same version", () => {
    const both = [pkg("a", { suite: "security" }), pkg("a", { suite: "main" })];
    expect(resolve("a", both).packages[0]?.suite).toBe("security");
  });

  test("packages of the architecture and of all, no others", () => {
    const records = [
      pkg("a", { depends: "b" }),
      pkg("b", { architecture: "all" }),
      pkg("b", { architecture: "arm64", version: "2" }),
    ];
    expect(namesOf("a", records)).toEqual(["a 1", "b 1"]);
  });

  test("the first alternative that exists", () => {
    expect(namesOf("a", [pkg("a", { depends: "gone | b | c" }), pkg("b"), pkg("c")])).toEqual(["a 1", "b 1"]);
  });

  test("an alternative that is wanted, though a dependency is walked before it and another stands first", () => {
    expect(namesOf("a c", [pkg("a", { depends: "b | c" }), pkg("b"), pkg("c")])).toEqual(["a 1", "c 1"]);
  });

  test("an alternative that another dependency has brought in", () => {
    const records = [pkg("a", { depends: "c, b | c" }), pkg("b"), pkg("c")];
    expect(namesOf("a", records)).toEqual(["a 1", "c 1"]);
  });

  test("the next alternative where the first cannot be installed, and takes back what that one brought", () => {
    const records = [
      pkg("a", { depends: "b | c" }),
      pkg("b", { depends: "helper, gone" }),
      pkg("helper"),
      pkg("c"),
    ];
    expect(namesOf("a", records)).toEqual(["a 1", "c 1"]);
  });

  test("the next alternative where the first conflicts with what is chosen", () => {
    const records = [pkg("a", { depends: "b | c" }), pkg("b"), pkg("c"), pkg("x", { conflicts: "b" })];
    expect(namesOf("a x", records)).toEqual(["a 1", "c 1", "x 1"]);
  });

  test("packages that need each other", () => {
    expect(namesOf("a", [pkg("a", { depends: "b" }), pkg("b", { depends: "a" })])).toEqual(["a 1", "b 1"]);
  });

  test("the provider of a virtual package", () => {
    expect(namesOf("a", [pkg("a", { depends: "virtual" }), pkg("b", { provides: "x, virtual" })])).toEqual([
      "a 1",
      "b 1",
    ]);
  });

  test("the package itself before those that provide its name, then Essential, then by priority", () => {
    const named = pkg("v");
    const essential = pkg("e", { provides: "v", essential: true });
    const required = pkg("r", { provides: "v", priority: "required" });
    const optional = pkg("o", { provides: "v" });
    const top = pkg("a", { depends: "v" });
    expect(namesOf("a", [top, optional, required, essential, named])).toEqual(["a 1", "v 1"]);
    expect(namesOf("a", [top, optional, required, essential])).toEqual(["a 1", "e 1"]);
    expect(namesOf("a", [top, optional, required])).toEqual(["a 1", "r 1"]);
  });

  test("a versioned provider for a versioned dependency, and never an unversioned one", () => {
    const top = pkg("a", { depends: "v (>= 2)" });
    expect(namesOf("a", [top, pkg("b", { provides: "v (= 2.1)" }), pkg("c", { provides: "v" })])).toEqual([
      "a 1",
      "b 1",
    ]);
    expect(() => namesOf("a", [top, pkg("c", { provides: "v" })])).toThrow(
      failure("DEPENDENCY_UNSATISFIABLE"),
    );
    expect(() => namesOf("a", [top, pkg("c", { provides: "v (= 1.9)" })])).toThrow(
      failure("DEPENDENCY_UNSATISFIABLE"),
    );
  });

  test("for name:any only a package with Multi-Arch: allowed", () => {
    const top = pkg("a", { depends: "p:any" });
    expect(namesOf("a", [top, pkg("p", { multiArch: "allowed" })])).toEqual(["a 1", "p 1"]);
    expect(() => namesOf("a", [top, pkg("p", { multiArch: "foreign" })])).toThrow(
      failure("DEPENDENCY_UNSATISFIABLE"),
    );
  });

  test("on top of an image exactly what it lacks, and keeps that image's versions", () => {
    const records = [
      pkg("a", { depends: "libc | other, b" }),
      pkg("b", { depends: "libc" }),
      pkg("libc"),
      pkg("libc", { version: "2" }),
    ];
    expect(namesOf("a", records, { below: [{ name: "libc", version: "1" }] })).toEqual(["a 1", "b 1"]);
    expect(() => namesOf("a", records, { below: [{ name: "libc", version: "0" }] })).toThrow(
      failure("PACKAGE_UNKNOWN"),
    );
  });
});

describe("resolvePackages leaves out", () => {
  const records = [
    pkg("base", { preDepends: "awk" }),
    pkg("mawk", { provides: "awk", depends: "libm", priority: "required" }),
    pkg("libm"),
  ];
  const omit = [{ package: "mawk", because: "no script runs" }];

  test("an omitted package with all that only it needs, and says who asked", () => {
    const { packages, omitted } = resolve("base", records, { omit });
    expect(packages.map(({ name }) => name)).toEqual(["base"]);
    expect(omitted).toEqual([{ name: "mawk", version: "1", because: "base" }]);
  });

  test("nothing that no dependency asks for", () => {
    expect(() => resolve("libm", records, { omit })).toThrow(failure("OMIT_UNUSED"));
  });

  test("nothing that the recipe also wants", () => {
    expect(() => resolve("base mawk", records, { omit })).toThrow(failure("OMIT_UNUSED"));
  });

  test("nothing unknown", () => {
    expect(() => resolve("base", records, { omit: [{ package: "awk", because: "" }, ...omit] })).toThrow(
      expect.objectContaining({ code: "OMIT_UNUSED", fields: { packages: ["awk"] } }),
    );
  });

  test("a package's conflicts with it", () => {
    const all = [pkg("base", { depends: "bad" }), pkg("bad", { conflicts: "base" })];
    expect(() => resolve("base", all)).toThrow(failure("PACKAGE_CONFLICT"));
    expect(namesOf("base", all, { omit: [{ package: "bad", because: "" }] })).toEqual(["base 1"]);
  });
});

describe("resolvePackages refuses", () => {
  test("a wanted package that no suite has, and names those that provide it", () => {
    expect(() => resolve("nothing", [pkg("a")])).toThrow(failure("PACKAGE_UNKNOWN"));
    expect(() => resolve("v", [pkg("a", { provides: "v" })])).toThrow(
      expect.objectContaining({ code: "PACKAGE_UNKNOWN", hint: "These packages provide it: a" }),
    );
  });

  test("a missing dependency, with the chain that led to it", () => {
    const records = [pkg("a", { depends: "b" }), pkg("b", { depends: "c (>= 2) | d" }), pkg("c")];
    expect(() => resolve("a", records)).toThrow(
      expect.objectContaining({
        code: "DEPENDENCY_UNSATISFIABLE",
        message: 'Cannot resolve a -> b -> c (>= 2) | d: the suites have "c" 1',
        fields: { chain: ["a", "b", "c (>= 2) | d"] },
      }),
    );
  });

  test("a dependency that only an older version of a package would satisfy", () => {
    const records = [pkg("a", { depends: "b (<< 2)" }), pkg("b"), pkg("b", { version: "2" })];
    expect(() => resolve("a", records)).toThrow(failure("DEPENDENCY_UNSATISFIABLE"));
  });

  test.each([
    ["Conflicts between wanted packages", "a b", [pkg("a", { conflicts: "b" }), pkg("b")]],
    ["Conflicts the other way round", "b a", [pkg("a", { conflicts: "b" }), pkg("b")]],
    ["Breaks with a version that holds", "a b", [pkg("a", { breaks: "b (<< 2)" }), pkg("b")]],
    ["Conflicts with a provided name", "a b", [pkg("a", { conflicts: "v" }), pkg("b", { provides: "v" })]],
    [
      "Conflicts deep in the closure",
      "a b",
      [pkg("a", { depends: "c" }), pkg("c", { breaks: "b" }), pkg("b")],
    ],
  ])("%s", (_, wanted, records) => {
    expect(() => resolve(wanted, records)).toThrow(failure("PACKAGE_CONFLICT"));
  });

  test.each([
    ["Breaks with a version that does not hold", "a b", [pkg("a", { breaks: "b (<< 1)" }), pkg("b")]],
    ["a package that conflicts with a name it provides", "a", [pkg("a", { conflicts: "v", provides: "v" })]],
    [
      "versioned Conflicts with an unversioned Provides",
      "a b",
      [pkg("a", { conflicts: "v (<< 9)" }), pkg("b", { provides: "v" })],
    ],
  ])("nothing for %s", (_, wanted, records) => {
    expect(namesOf(wanted, records)).toHaveLength(wanted.split(" ").length);
  });

  test("to guess between equal providers, until the recipe names one", () => {
    const records = [pkg("a", { depends: "v" }), pkg("b", { provides: "v" }), pkg("c", { provides: "v" })];
    expect(() => resolve("a", records)).toThrow(
      expect.objectContaining({ code: "PROVIDER_AMBIGUOUS", fields: { providers: ["b", "c"] } }),
    );
    expect(namesOf("a c", records)).toEqual(["a 1", "c 1"]);
  });

  test("one version with two digests", () => {
    expect(() => resolve("a", [pkg("a"), pkg("a", { sha256: digestOf("other"), suite: "evil" })])).toThrow(
      expect.objectContaining({ code: "PACKAGE_AMBIGUOUS", class: "integrity" }),
    );
  });
});

test("resolvePackages does not depend on the order of the index", () => {
  const records = [
    pkg("a", { depends: "v, b" }),
    pkg("b", { provides: "v", priority: "required" }),
    pkg("c", { provides: "v" }),
  ];
  expect(resolve("a", records.toReversed())).toEqual(resolve("a", records));
});
