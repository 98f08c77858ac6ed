import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compareVersions } from "../../../../src/builder/lock/debian/version.ts";
import { exec } from "../../../../src/shared/exec.ts";

/** Each pair from the older to the newer. */
const RISING: readonly (readonly [string, string])[] = [
  ["1.0~rc1", "1.0"],
  ["1.0~~", "1.0~"],
  ["1.0~~a", "1.0~"],
  ["1.0~-1", "1.0-1"],
  ["1.0", "1.0a"],
  ["1.0a", "1.0+"],
  ["1.0+", "1.0."],
  ["1.0Z", "1.0a"],
  ["9", "10"],
  ["1.9", "1.10"],
  ["2:1.0", "3:0.1"],
  ["9:1", "10:1"],
  ["1.0", "1:0.1"],
  ["1.0-1", "1.0-1+b1"],
  ["1.0-1+b1", "1.0-1+deb12u1"],
  ["1.0-1~deb12u1", "1.0-1"],
  ["1.0-9", "1.0-10"],
  ["1-1-1", "1-1-2"],
  ["1.2-3", "1.2.3"],
  ["1.20230101000000000000000001", "1.20230101000000000000000002"],
  ["1.0-1", "1.0.0-1"],
  ["1.0-1", "1.0-1.1"],
  ["1:1.2.13.dfsg-1", "1:1.2.13.dfsg-1+deb12u1"],
];

const EQUAL: readonly (readonly [string, string])[] = [
  ["1.0", "1.0-0"],
  ["0:1.0", "1.0"],
  ["00:1.0", "1.0"],
  ["1.00", "1.0"],
  ["1.001", "1.1"],
  ["1.a0", "1.a"],
];

describe("compareVersions", () => {
  test.each(RISING)("holds %s for older than %s", (older, newer) => {
    expect(Math.sign(compareVersions(older, newer))).toBe(-1);
    expect(Math.sign(compareVersions(newer, older))).toBe(1);
  });

  test.each(EQUAL)("holds %s for equal to %s", (a, b) => {
    expect(compareVersions(a, b)).toBe(0);
  });

  test.each(["", ":1", "a:1", "1:", "-1", "1.0-", "1 0", "1.0_1", "-1:1", "2147483648:1", "1.0-1/2", "1é"])(
    "refuses %j",
    (text) => {
      expect(() => compareVersions(text, "1")).toThrow(
        expect.objectContaining({ code: "VERSION_MALFORMED" }),
      );
    },
  );
});

const DPKG = "/usr/bin/dpkg";

/** dpkg, one process for all: a shell loop over lines of `a b`. */
const COMPARE_ALL = `while read -r a b; do
  if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi
done`;

describe.skipIf(!existsSync(DPKG))("compareVersions beside dpkg", () => {
  test("gives dpkg's answer for the table and for 200 pairs from a seed", async () => {
    const pairs = [...RISING, ...EQUAL, ...generatePairs(200)];
    const input = pairs.map(([a, b]) => `${a} ${b}\n`).join("");
    const { stdout } = await exec("sh", ["-c", COMPARE_ALL], { input });
    const ours = pairs.map(([a, b]) => `${a} ${b} ${Math.sign(compareVersions(a, b))}`);
    const theirs = stdout
      .trim()
      .split("\n")
      .map((sign, index) => `${pairs[index]?.join(" ")} ${sign}`);
    expect(ours).toEqual(theirs);
    expect(new Set(stdout.trim().split("\n"))).toEqual(new Set(["-1", "0", "1"]));
  });
});

/** Short parts from few characters, so that pairs share prefixes and the rare rules decide. */
function generatePairs(count: number): readonly (readonly [string, string])[] {
  let seed = 20_260_101;
  const below = (limit: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * limit);
  };
  const part = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet.charAt(below(alphabet.length))).join("");
  const version = (): string => {
    const epoch = below(4) === 0 ? `${below(2)}:` : "";
    const revision = below(2) === 0 ? `-${part("01aZ~+.", 1 + below(3))}` : "";
    return `${epoch}${1 + below(2)}${part("019aZ~+.-", below(5))}${revision}`.replace(/-+$/, "");
  };
  return Array.from({ length: count }, () => [version(), version()] as const);
}
