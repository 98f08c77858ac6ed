import { createReadStream } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePackages, type PackageRecord } from "../../../../src/builder/lock/debian/packages.ts";
import { resolvePackages } from "../../../../src/builder/lock/debian/resolve.ts";
import { startAptOracle, type AptOracle } from "./apt-oracle.ts";

let apt: AptOracle;
const records: PackageRecord[] = [];

beforeAll(async () => {
  const suites = ["bookworm", "bookworm-updates", "bookworm-security"];
  apt = await startAptOracle({ suites, indexes: "with packages" });
  for (const { suite, packages } of apt.suites) {
    if (packages === undefined) throw new Error(`apt brought no Packages of ${suite}`);
    records.push(...(await parsePackages(createReadStream(packages), suite)));
  }
});

afterAll(() => apt.remove());

const LISTS: readonly (readonly [string, string])[] = [
  [
    "a compiler",
    "g++-12 gcc-12 cmake ninja-build binutils libc6-dev dash coreutils sed grep base-files base-passwd usr-is-merged",
  ],
  ["a C++ runtime", "libstdc++6 libgcc-s1 libc6 base-files"],
  ["Python", "python3.11-minimal libpython3.11-stdlib ca-certificates tzdata netbase media-types libssl3"],
  ["a desktop of over a thousand packages", "gnome"],
];

describe("resolvePackages beside apt on an empty system", () => {
  test.each(LISTS)("installs the same packages in the same versions: %s", async (_, list) => {
    const wanted = list.split(" ");
    const { packages } = resolvePackages({ wanted, candidates: records, omit: [], architecture: "amd64" });
    const theirs = await apt.simulateInstall(wanted);
    expect(theirs.length).toBeGreaterThanOrEqual(wanted.length);
    expect(packages.map(({ name, version }) => `${name} ${version}`).sort()).toEqual(theirs);
  });

  test("refuses a conflict that apt refuses", async () => {
    const wanted = ["usr-is-merged", "usrmerge", "mawk", "systemd-sysv", "sysvinit-core"];
    await expect(apt.simulateInstall(wanted)).rejects.toMatchObject({ code: "EXEC_FAILED" });
    expect(() => resolvePackages({ wanted, candidates: records, omit: [], architecture: "amd64" })).toThrow(
      expect.objectContaining({ code: "PACKAGE_CONFLICT" }),
    );
  });
});
