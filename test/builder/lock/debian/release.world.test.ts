import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readKeys } from "openpgp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyRelease } from "../../../../src/builder/lock/debian/release.ts";
import { exec } from "../../../../src/shared/exec.ts";
import { startAptOracle, type AptOracle } from "./apt-oracle.ts";

const KEYS = new URL("../../../../images/keys/", import.meta.url);
const SUITES = ["bookworm", "bookworm-updates", "bookworm-security", "trixie"];

let apt: AptOracle;
let scratch: string;
let keys: readonly string[];
let fingerprints: readonly string[];

beforeAll(async () => {
  apt = await startAptOracle({ suites: SUITES, indexes: "releases only" });
  scratch = await mkdtemp(join(tmpdir(), "gpgv-"));
  const names = (await readdir(KEYS)).filter((name) => name.endsWith(".asc")).sort();
  keys = await Promise.all(names.map((name) => readFile(new URL(name, KEYS), "utf8")));
  const certificates = (await Promise.all(keys.map((armoredKeys) => readKeys({ armoredKeys })))).flat();
  fingerprints = certificates.map((key) => key.getFingerprint().toUpperCase());
  await writeFile(join(scratch, "pinned.gpg"), Buffer.concat(certificates.map((key) => key.write())));
});

afterAll(async () => {
  await apt.remove();
  await rm(scratch, { recursive: true });
});

async function releaseOf(suite: string): Promise<Buffer> {
  return readFile(apt.suites.find((files) => files.suite === suite)?.inRelease ?? "");
}

/** The primary keys whose signature gpgv calls valid, and whether it found a bad one. */
async function askGpgv(inRelease: Uint8Array): Promise<{ valid: readonly string[]; bad: boolean }> {
  const file = join(scratch, "InRelease");
  await writeFile(file, inRelease);
  const args = ["--status-fd", "1", "--keyring", join(scratch, "pinned.gpg"), file];
  const { stdout } = await exec("gpgv", args, { accept: [1, 2] });
  const words = stdout.split("\n").map((line) => line.split(" "));
  const valid = words.filter(([, status]) => status === "VALIDSIG").map((line) => line.at(-1) ?? "");
  return { valid, bad: words.some(([, status]) => status === "BADSIG") };
}

describe.each(SUITES)("the real InRelease of %s", (suite) => {
  test("verifies with exactly those pinned keys whose signature gpgv calls valid", async () => {
    const inRelease = await releaseOf(suite);
    const { valid } = await askGpgv(inRelease);
    const ours: string[] = [];
    for (const fingerprint of fingerprints) {
      const input = { inRelease, suite, keys, fingerprints: [fingerprint], now: new Date() };
      const release = await verifyRelease(input).catch((error: unknown) => error);
      if (release instanceof Error) expect(release).toMatchObject({ code: "RELEASE_UNKNOWN_KEY" });
      else ours.push(fingerprint);
    }
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.sort()).toEqual([...valid].sort());
  });

  test("lists the amd64 package index and carries its codename", async () => {
    const inRelease = await releaseOf(suite);
    const release = await verifyRelease({ inRelease, suite, keys, fingerprints, now: new Date() });
    expect(release.files.get("main/binary-amd64/Packages.xz")?.sizeBytes).toBeGreaterThan(0);
    expect(release.codename).toBe(suite);
    expect(release.validUntil === undefined).toBe(!suite.endsWith("-security"));
  });

  test("is refused by gpgv and by us when one digit changes", async () => {
    const text = (await releaseOf(suite)).toString();
    const at = text.indexOf("SHA256:\n") + 10;
    const changed = Buffer.from(text.slice(0, at) + (text[at] === "0" ? "1" : "0") + text.slice(at + 1));
    expect(await askGpgv(changed)).toEqual({ valid: [], bad: true });
    const input = { inRelease: changed, suite, keys, fingerprints, now: new Date() };
    await expect(verifyRelease(input)).rejects.toMatchObject({ code: "RELEASE_BAD_SIGNATURE" });
  });
});
