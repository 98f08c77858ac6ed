import {
  createCleartextMessage,
  createMessage,
  generateKey,
  readPrivateKey,
  sign,
  enums,
  type PrivateKey,
} from "openpgp";
import { beforeAll, describe, expect, test } from "vitest";
import { verifyRelease } from "../../../../src/builder/lock/debian/release.ts";
import { digestOf } from "../../../../src/shared/digest.ts";

const SIGNED_AT = new Date("2026-03-01T12:00:00Z");
const NOW = new Date("2026-03-02T00:00:00Z");
const HEX = "0123456789abcdef".repeat(4);
const TEXT = `Origin: Example
Suite: oldstable-security
Codename: bookworm-security
Date: Sun, 01 Mar 2026 12:00:00 UTC
Valid-Until: Sun, 08 Mar 2026 12:00:00 UTC
Acquire-By-Hash: yes
MD5Sum:
 0123456789abcdef0123456789abcdef 7 main/binary-amd64/Packages
SHA256:
 ${HEX}   20 main/binary-amd64/Packages
 ${HEX} 10 main/binary-amd64/Packages.xz
`;

type Signer = { readonly key: PrivateKey; readonly certificate: string; readonly fingerprint: string };

/** Lets a key and its owner make SHA-1 signatures, which openpgp.js does not of itself. */
const SHA1 = {
  preferredHashAlgorithm: enums.hash.sha1,
  nonDeterministicSignaturesViaNotation: false,
  rejectHashAlgorithms: new Set<enums.hash>(),
  rejectMessageHashAlgorithms: new Set<enums.hash>(),
};

let known: Signer;
let other: Signer;
let shortLived: Signer;
let rsa: Signer;

beforeAll(async () => {
  [known, other, shortLived, rsa] = await Promise.all([
    newSigner({ subkeys: [{ sign: true }] }),
    newSigner({}),
    newSigner({ keyExpirationTime: 2 * 365 * 86_400 }),
    newSigner({ type: "rsa", rsaBits: 2048, config: SHA1 }),
  ]);
});

async function newSigner(options: object): Promise<Signer> {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name: "Test Archive" }],
    date: new Date("2025-01-01T00:00:00Z"),
    format: "armored",
    ...options,
  });
  const key = await readPrivateKey({ armoredKey: privateKey });
  return { key, certificate: publicKey, fingerprint: key.getFingerprint().toUpperCase() };
}

async function signed(text: string, signers: readonly Signer[], options: object = {}): Promise<string> {
  const message = await createCleartextMessage({ text });
  return sign({ message, signingKeys: signers.map(({ key }) => key), date: SIGNED_AT, ...options });
}

function verify(inRelease: string | Uint8Array, more: Partial<Parameters<typeof verifyRelease>[0]> = {}) {
  return verifyRelease({
    inRelease: typeof inRelease === "string" ? new TextEncoder().encode(inRelease) : inRelease,
    suite: "bookworm-security",
    keys: [other.certificate, known.certificate],
    fingerprints: [known.fingerprint],
    now: NOW,
    ...more,
  });
}

const normal = (armoured: string) => armoured.replaceAll("\r\n", "\n");
const good = async (text = TEXT) => normal(await signed(text, [known]));

describe("verifyRelease accepts", () => {
  test("a text signed by a subkey of the pinned certificate, and gives the facts of that text", async () => {
    const inRelease = await good();
    const { files, ...release } = await verify(inRelease);
    expect(release).toEqual({
      sha256: digestOf(inRelease),
      signedBy: known.fingerprint,
      codename: "bookworm-security",
      archiveSuite: "oldstable-security",
      date: Date.UTC(2026, 2, 1, 12) / 1000,
      validUntil: Date.UTC(2026, 2, 8, 12) / 1000,
      acquireByHash: true,
    });
    expect([...files]).toEqual([
      ["main/binary-amd64/Packages", { sha256: `sha256:${HEX}`, sizeBytes: 20 }],
      ["main/binary-amd64/Packages.xz", { sha256: `sha256:${HEX}`, sizeBytes: 10 }],
    ]);
  });

  test("a fingerprint in lower case", async () => {
    const release = await verify(await good(), { fingerprints: [known.fingerprint.toLowerCase()] });
    expect(release.signedBy).toBe(known.fingerprint);
  });

  test("two signatures of which one key is pinned, in either order", async () => {
    for (const signers of [
      [known, other],
      [other, known],
    ]) {
      const release = await verify(normal(await signed(TEXT, signers)));
      expect(release.signedBy).toBe(known.fingerprint);
    }
  });

  test("a good signature beside one by a pinned key that has expired", async () => {
    const text = TEXT.replace(/Valid-Until.*\n/, "");
    const release = await verify(normal(await signed(text, [shortLived, known])), {
      keys: [known.certificate, shortLived.certificate],
      fingerprints: [shortLived.fingerprint, known.fingerprint],
      now: new Date("2027-06-01T00:00:00Z"),
    });
    expect(release.signedBy).toBe(known.fingerprint);
  });

  test("lines that start with a dash, which are escaped in the file", async () => {
    const text = TEXT.replace("Origin: Example", "Description: a\n - b\n -----BEGIN PGP SIGNATURE-----");
    expect((await verify(await good(text))).codename).toBe("bookworm-security");
    const dashed = await good(`-Bad: field\n${TEXT}`);
    expect(dashed).toContain("\n- -Bad: field\n");
    await expect(verify(dashed)).rejects.toMatchObject({ code: "CONTROL_MALFORMED" });
  });

  test("a day of the month without a leading zero and no Valid-Until", async () => {
    const text = TEXT.replace("Sun, 01 Mar", "Sun, 1 Mar").replace(/Valid-Until.*\n/, "");
    const release = await verify(await good(text), { now: new Date("2030-01-01T00:00:00Z") });
    expect(release.date).toBe(Date.UTC(2026, 2, 1, 12) / 1000);
    expect(release.validUntil).toBeUndefined();
  });
});

describe("verifyRelease refuses", () => {
  test("a changed text", async () => {
    const changed = (await good()).replace("   20 main", "   21 main");
    await expect(verify(changed)).rejects.toMatchObject({
      code: "RELEASE_BAD_SIGNATURE",
      class: "integrity",
    });
  });

  test("a bad signature by a pinned key, though another pinned key's is good", async () => {
    const mixed = await mixSignatures();
    const both = { fingerprints: [known.fingerprint, other.fingerprint] };
    await expect(verify(mixed, both)).rejects.toMatchObject({ code: "RELEASE_BAD_SIGNATURE" });
    await expect(verify(mixed)).resolves.toMatchObject({ signedBy: known.fingerprint });
  });

  test("a signature by a key that is not pinned, also where its certificate is at hand", async () => {
    await expect(verify(normal(await signed(TEXT, [other])))).rejects.toMatchObject({
      code: "RELEASE_UNKNOWN_KEY",
      class: "authenticity",
      fields: { expected: [known.fingerprint] },
    });
  });

  test("a pinned fingerprint without its certificate", async () => {
    await expect(verify(await good(), { keys: [other.certificate] })).rejects.toMatchObject({
      code: "RELEASE_KEY_MISSING",
      class: "usage",
    });
  });

  test("a subkey's fingerprint in the place of the primary key's", async () => {
    const subkey = known.key.subkeys[0]?.getFingerprint() ?? "";
    await expect(verify(await good(), { fingerprints: [subkey] })).rejects.toMatchObject({
      code: "RELEASE_KEY_MISSING",
    });
  });

  test("no pinned fingerprints at all", async () => {
    await expect(verify(await good(), { fingerprints: [] })).rejects.toMatchObject({
      code: "RELEASE_UNKNOWN_KEY",
    });
  });

  test("a release past its Valid-Until, and not one second before", async () => {
    const inRelease = await good();
    await expect(verify(inRelease, { now: new Date("2026-03-08T12:00:00Z") })).resolves.toBeDefined();
    await expect(verify(inRelease, { now: new Date("2026-03-08T12:00:01Z") })).rejects.toMatchObject({
      code: "RELEASE_EXPIRED",
      class: "integrity",
      hint: expect.stringContaining("stale"),
    });
  });

  test("a signature and a date from the future", async () => {
    await expect(verify(await good(), { now: new Date("2026-02-28T00:00:00Z") })).rejects.toMatchObject({
      code: "RELEASE_NOT_YET_VALID",
    });
    const later = TEXT.replace("Sun, 01 Mar 2026", "Tue, 03 Mar 2026");
    await expect(verify(await good(later))).rejects.toMatchObject({ code: "RELEASE_NOT_YET_VALID" });
  });

  test("a key that was in force when it signed and has expired since", async () => {
    const inRelease = normal(await signed(TEXT.replace(/Valid-Until.*\n/, ""), [shortLived]));
    const pins = { keys: [shortLived.certificate], fingerprints: [shortLived.fingerprint] };
    await expect(verify(inRelease, pins)).resolves.toBeDefined();
    await expect(verify(inRelease, { ...pins, now: new Date("2027-06-01T00:00:00Z") })).rejects.toMatchObject(
      {
        code: "RELEASE_KEY_EXPIRED",
        class: "authenticity",
      },
    );
  });

  test("a SHA-1 signature, beside the same key's SHA-512 signature that it accepts", async () => {
    const pins = { keys: [rsa.certificate], fingerprints: [rsa.fingerprint] };
    await expect(verify(normal(await signed(TEXT, [rsa])), pins)).resolves.toBeDefined();
    const weak = normal(await signed(TEXT, [rsa], { config: SHA1 }));
    expect(weak).toContain("Hash: SHA1\n");
    await expect(verify(weak, pins)).rejects.toMatchObject({
      code: "RELEASE_BAD_SIGNATURE",
      cause: expect.objectContaining({ message: expect.stringMatching(/SHA1/) }),
    });
  });

  test("another suite's release", async () => {
    await expect(verify(await good(), { suite: "bookworm" })).rejects.toMatchObject({
      code: "RELEASE_WRONG_SUITE",
    });
    await expect(verify(await good(), { suite: "oldstable-security" })).rejects.toMatchObject({
      code: "RELEASE_WRONG_SUITE",
    });
  });
});

describe("verifyRelease refuses as malformed", () => {
  const shapes: readonly (readonly [string, (text: string) => string])[] = [
    ["text before the message", (text) => `Codename: evil\n\n${text}`],
    ["a blank line before the message", (text) => `\n${text}`],
    ["a byte order mark", (text) => `\uFEFF${text}`],
    ["text after the signature", (text) => `${text}\nCodename: evil\n`],
    ["a second message", (text) => `${text}${text}`],
    [
      "text between the text and its signature",
      (text) => text.replace("-----BEGIN PGP SIGNATURE", "-----END X-----\nA: b\n$&"),
    ],
    ["an unescaped dash", (text) => text.replace("Origin: Example", "-Origin: Example")],
    ["a header that is not Hash", (text) => text.replace("Hash: ", "NotDashEscaped: ")],
    ["a field smuggled in as a header", (text) => text.replace("\nHash: ", "\nCodename: evil\nHash: ")],
    ["carriage returns", (text) => text.replaceAll("\n", "\r\n")],
    ["a NUL", (text) => text.replace("Example", "Exam\0ple")],
    ["no signature", (text) => text.slice(0, text.indexOf("-----BEGIN PGP SIGNATURE"))],
    ["half a signature", (text) => text.slice(0, -60)],
    ["an empty signature block", (text) => text.replace(/\n\n[A-Za-z0-9+/=\n]+(?=\n-----END)/, "\n\n")],
    ["no text at all", () => ""],
    ["a web page", () => "<html>captive portal</html>"],
  ];
  test.each(shapes)("%s", async (_, change) => {
    const original = await good();
    const changed = change(original);
    expect(changed).not.toBe(original);
    await expect(verify(changed)).rejects.toMatchObject({ code: "RELEASE_MALFORMED", class: "integrity" });
  });

  test("bytes that are not UTF-8", async () => {
    await expect(verify(Uint8Array.of(0xff, 0xfe))).rejects.toMatchObject({ code: "RELEASE_MALFORMED" });
  });

  test("more bytes than any release has", async () => {
    await expect(verify(new Uint8Array(9 * 1024 * 1024))).rejects.toMatchObject({
      code: "RELEASE_MALFORMED",
    });
  });

  const texts: readonly (readonly [string, (text: string) => string, string])[] = [
    ["two stanzas", (text) => `${text}\nCodename: evil\n`, "RELEASE_MALFORMED"],
    ["no SHA256 list", (text) => text.replace("SHA256:", "SHA1:"), "RELEASE_MALFORMED"],
    ["no Codename", (text) => text.replace(/Codename: .*\n/, ""), "RELEASE_MALFORMED"],
    ["a repeated Codename", (text) => `Codename: evil\n${text}`, "CONTROL_MALFORMED"],
    ["a date that is none", (text) => text.replace("01 Mar", "31 Feb"), "RELEASE_MALFORMED"],
    ["a wrong day of the week", (text) => text.replace("Date: Sun", "Date: Mon"), "RELEASE_MALFORMED"],
    ["a date in another zone", (text) => text.replace("12:00:00 UTC", "12:00:00 EST"), "RELEASE_MALFORMED"],
    ["a file listed twice", (text) => text.replace("Packages.xz", "Packages"), "RELEASE_MALFORMED"],
    [
      "a file outside the suite",
      (text) => text.replace("main/binary-amd64/Packages.xz", "../x"),
      "PATH_UNSAFE",
    ],
    ["a short digest", (text) => text.replace(`${HEX} 10`, `${HEX.slice(1)} 10`), "RELEASE_MALFORMED"],
  ];
  test.each(texts)("a signed text with %s", async (_, change, code) => {
    const changed = change(TEXT);
    expect(changed).not.toBe(TEXT);
    await expect(verify(await good(changed))).rejects.toMatchObject({ code, class: "integrity" });
  });
});

/** One message with known's good signature and other's signature over something else. */
async function mixSignatures(): Promise<string> {
  const [ours, theirs] = await Promise.all([signatureOf(TEXT, known), signatureOf("else", other)]);
  ours.packets.push(...theirs.packets);
  return (await good()).replace(/-----BEGIN PGP SIGNATURE[^]*$/, normal(ours.armor()));
}

async function signatureOf(text: string, { key }: Signer) {
  const message = await createMessage({ text });
  return sign({ message, signingKeys: key, date: SIGNED_AT, detached: true, format: "object" });
}
