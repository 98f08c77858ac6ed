import { describe, expect, test } from "vitest";
import type { LockedWheel } from "../../../src/builder/lock/lock.ts";
import { lockDifferences, lockStale } from "../../../src/builder/lock/stale.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { lockedPackage, lockOf } from "../fetch/sample-lock.ts";

const ALPHA = lockedPackage("alpha", Buffer.from("alpha"));
const BETA = lockedPackage("beta", Buffer.from("beta"));
const LOCK = lockOf([ALPHA, BETA]);

function wheel(project: string, version: string): LockedWheel {
  return { ...lockedPackage(project, Buffer.from(version)), mirror: "pypi", project, version };
}

describe("lockDifferences", () => {
  test("is empty for equal locks", () => {
    expect(lockDifferences(LOCK, lockOf([ALPHA, BETA]))).toEqual([]);
  });

  test("names what came, what went and what moved", () => {
    const moved = { ...BETA, version: "1.1", sha256: digestOf("new") };
    const gamma = lockedPackage("gamma", Buffer.from("gamma"));
    expect(lockDifferences(LOCK, lockOf([moved, gamma]))).toEqual([
      "- alpha 1.0",
      "beta 1.0 -> 1.1",
      "+ gamma 1.0",
    ]);
  });

  test("names a version whose bytes changed, and an entry whose decisions did", () => {
    const bytes = { ...ALPHA, sha256: digestOf("new") };
    const entry = { ...BETA, because: "alpha" };
    expect(lockDifferences(LOCK, lockOf([bytes, entry]))).toEqual([
      `alpha 1.0: ${ALPHA.sha256} -> ${digestOf("new")}`,
      "beta 1.0: its entry",
    ]);
  });

  test("names wheels that came, went and moved, and what else of them differs", () => {
    const before = { python: "3.11.2", files: [wheel("alpha", "1"), wheel("beta", "1")], omitted: [] };
    const after = { python: "3.11.3", files: [wheel("beta", "2"), wheel("gamma", "1")], omitted: [] };
    expect(lockDifferences(lockOf([], { wheels: before }), lockOf([], { wheels: after }))).toEqual([
      "wheels: - alpha 1",
      "wheels: beta 1 -> 2",
      "wheels: + gamma 1",
      "wheels: Python",
    ]);
  });

  test("names the recipe, the base and what else differs", () => {
    const other = lockOf([ALPHA, BETA], { recipe: digestOf("other"), base: digestOf("base"), npm: [] });
    expect(lockDifferences(LOCK, other)).toEqual(["the recipe", "the base", "the npm packages"]);
  });

  test("is never empty for locks that differ", () => {
    expect(lockDifferences(LOCK, { ...LOCK, epoch: LOCK.epoch + 1 })).toEqual(["the releases differ"]);
    expect(lockDifferences(undefined, LOCK)).toEqual(["there is no lock yet"]);
  });
});

test("lockStale names each image with what differs, with exit code 3", () => {
  expect(lockStale([{ name: "one", differences: ["a", "b"] }])).toMatchObject({
    code: "LOCK_STALE",
    exitCode: 3,
    message: 'Cannot keep the lock of "one" (a; b): the recipe means something else today',
    hint: "Run cloister lock one",
  });
});
