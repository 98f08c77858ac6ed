import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  pinnedSuite,
  readArchiveKeys,
  type ArchiveKeys,
} from "../../../../src/builder/lock/debian/archive-keys.ts";
import { verifyRelease } from "../../../../src/builder/lock/debian/release.ts";
import { startAptOracle, type AptOracle } from "./apt-oracle.ts";

let keys: ArchiveKeys;
let apt: AptOracle;

beforeAll(async () => {
  keys = await readArchiveKeys(join(import.meta.dirname, "../../../../images/keys"));
  apt = await startAptOracle({ suites: Object.keys(keys.suites), indexes: "releases only" });
});
afterAll(() => apt.remove());

test("every pinned suite's real InRelease is signed by a key that is pinned for it, and by none pinned for another", async () => {
  expect(apt.suites.length).toBeGreaterThan(0);
  for (const { suite, inRelease } of apt.suites) {
    const verify = (fingerprints: readonly string[]) =>
      readFile(inRelease).then((bytes) =>
        verifyRelease({ inRelease: bytes, suite, keys: keys.certificates, fingerprints, now: new Date() }),
      );
    const { mirror, fingerprints } = pinnedSuite(keys, suite);
    expect(fingerprints).toContain((await verify(fingerprints)).signedBy);
    const others = Object.values(keys.suites).filter((one) => one.mirror !== mirror);
    const foreign = others.flatMap((one) => one.fingerprints);
    await expect(verify(foreign)).rejects.toMatchObject({ code: "RELEASE_UNKNOWN_KEY" });
  }
});
