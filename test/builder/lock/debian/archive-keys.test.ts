import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readKeys } from "openpgp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pinnedSuite, readArchiveKeys } from "../../../../src/builder/lock/debian/archive-keys.ts";
import { readRecipes } from "../../../../src/builder/lock/read.ts";

const IMAGES = join(import.meta.dirname, "../../../../images");

test("every fingerprint in suites.yaml has its certificate beside it, and every recipe's suite is pinned", async () => {
  const keys = await readArchiveKeys(join(IMAGES, "keys"));
  const certificates = await Promise.all(keys.certificates.map((armoredKeys) => readKeys({ armoredKeys })));
  const known = certificates.flat().map((key) => key.getFingerprint().toUpperCase());
  const pinned = Object.values(keys.suites).flatMap(({ fingerprints }) => fingerprints);
  expect(pinned.filter((fingerprint) => !known.includes(fingerprint))).toEqual([]);
  const suites = (await readRecipes(IMAGES)).flatMap(({ recipe }) => recipe.suites);
  expect(suites.length).toBeGreaterThan(0);
  for (const suite of suites) expect(pinnedSuite(keys, suite).fingerprints.length).toBeGreaterThan(0);
});

describe("readArchiveKeys", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keys-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const fingerprint = "A".repeat(40);
  test.each([
    ["no suites", "format: 1\n"],
    [
      "an unknown field",
      `format: 1\nsuites: { x: { mirror: debian, fingerprints: [${fingerprint}], trusted: yes } }\n`,
    ],
    ["no fingerprint", "format: 1\nsuites: { x: { mirror: debian, fingerprints: [] } }\n"],
    ["a short key id", "format: 1\nsuites: { x: { mirror: debian, fingerprints: [6ED0E7B82643E131] } }\n"],
    [
      "a mirror that is no archive",
      `format: 1\nsuites: { x: { mirror: pypi, fingerprints: [${fingerprint}] } }\n`,
    ],
    ["no YAML", "format: [\n"],
  ])("refuses a file with %s", async (_, text) => {
    await writeFile(join(folder, "suites.yaml"), text);
    await expect(readArchiveKeys(folder)).rejects.toMatchObject({ code: "KEYS_INVALID", exitCode: 2 });
  });
});
