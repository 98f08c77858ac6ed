import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  COSIGNATURE,
  newSigningKey,
  NOTE_SIGNATURE,
  parseVerifier,
  readKey,
  readOrMakeKey,
  signerOf,
  writeKey,
} from "../../../src/audit/notes/keys.ts";
import { logSigner, witnessSigner } from "./sample-keys.ts";

describe("verifier keys", () => {
  test("of known seeds are those that another implementation makes", () => {
    expect(logSigner().vkey).toBe(
      "cloister-log/0badcafe+cdc5d5d1+ARb6Padcqcp1sfkuznISj7T6p0DRAwaEMxAI/tdy2mIF",
    );
    expect(witnessSigner().vkey).toBe(
      "cloister-witness+38fd5a92+BA2E2xQXlA1m7zqrVU6IxF5SYjlUmU5shfAYkVpHnchH",
    );
  });

  test.each([
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  ])("%s, which others published, is read", (vkey) => {
    expect(parseVerifier(vkey)).toMatchObject({ vkey, type: NOTE_SIGNATURE });
    expect(parseVerifier(`${vkey}\n`).vkey).toBe(vkey);
  });

  test("one key has another id for another type of signature", () => {
    const key = newSigningKey();
    expect(signerOf("a", NOTE_SIGNATURE, key).id).not.toBe(signerOf("a", COSIGNATURE, key).id);
  });

  test.each([
    ["nothing", ""],
    ["no parts", "example.com/foo"],
    ["an empty name", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["a name with a blank", "example com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    [
      "a name with a blank of another script",
      "example\u3000com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
    ["a name that is another one's", "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["a wrong hash", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["a short hash", "example.com/foo+30d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["a hash in capitals", "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["a key that is too short", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0="],
    ["no key", "example.com/foo+530d903a+"],
    ["another algorithm", "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    [
      "another way to write the key",
      "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k=",
    ],
    ["two lines", "example.com/foo+530d903a\n+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
  ])("%s is VKEY_INVALID", (_, vkey) => {
    expect(() => parseVerifier(vkey)).toThrow(
      expect.objectContaining({ code: "VKEY_INVALID", class: "usage" }),
    );
  });

  test("a key that is no point of the curve verifies nothing", () => {
    const bytes = Buffer.concat([Buffer.from([NOTE_SIGNATURE]), Buffer.alloc(32, 0xff)]);
    const own = logSigner();
    const forged = { ...own, sign: () => Buffer.alloc(64) };
    expect(forged.verify(Buffer.from("text"), forged.sign())).toBe(false);
    expect(() => parseVerifier(`a+00000000+${bytes.toString("base64")}`)).toThrow("its hash");
  });
});

describe("keys on the disk", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keys-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("one is made where there is none, for its owner alone, and is the same one after", async () => {
    const path = join(folder, "log.key");
    const made = await readOrMakeKey(path);
    const again = await readOrMakeKey(path);
    expect(signerOf("a", NOTE_SIGNATURE, again).vkey).toBe(signerOf("a", NOTE_SIGNATURE, made).vkey);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  test("none is undefined where nobody asks to make one", async () => {
    expect(await readKey(join(folder, "log.key"))).toBeUndefined();
  });

  test.each([
    ["empty", ""],
    ["cut off", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw"],
    [
      "of RSA",
      generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
    ],
    ["a public one", generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" })],
  ])("one that is %s is KEY_UNREADABLE, and is not replaced", async (_, text) => {
    const path = join(folder, "log.key");
    await writeFile(path, text);
    await expect(readOrMakeKey(path)).rejects.toMatchObject({
      code: "KEY_UNREADABLE",
      class: "preflight",
      fields: { path },
    });
    expect(await readFile(path, "utf8")).toBe(text);
  });

  test("one that is written over another takes its place", async () => {
    const path = join(folder, "log.key");
    await readOrMakeKey(path);
    const next = newSigningKey();
    await writeKey(path, next);
    expect((await readKey(path))?.equals(next)).toBe(true);
  });
});
