/** A small Debian archive, signed with a key made for it, as paths and bytes below a mirror. */
import { createCleartextMessage, generateKey, readPrivateKey, sign, type PrivateKey } from "openpgp";
import { digestOf, hexOf } from "../../../src/shared/digest.ts";
import { buffer } from "node:stream/consumers";
import { execStream } from "../../../src/shared/exec-stream.ts";
import type { ArchiveKeys } from "../../../src/builder/lock/debian/archive-keys.ts";

export type SamplePackage = {
  readonly name: string;
  readonly version?: string;
  readonly depends?: string;
  readonly architecture?: string;
};

export type ArchiveSigner = { readonly key: PrivateKey; readonly keys: ArchiveKeys };

export async function newArchiveSigner(): Promise<ArchiveSigner> {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name: "Sample Archive" }],
    date: new Date("2025-01-01T00:00:00Z"),
    format: "armored",
  });
  const key = await readPrivateKey({ armoredKey: privateKey });
  const pinned = { mirror: "debian", fingerprints: [key.getFingerprint().toUpperCase()] } as const;
  return { key, keys: { certificates: [publicKey], suites: { bookworm: pinned, trixie: pinned } } };
}

/** The bytes that stand for a .deb. */
export function debOf({ name, version = "1.0" }: SamplePackage): Buffer {
  return Buffer.from(`the archive of ${name} ${version}\n`);
}

export function debPath({ name, version = "1.0", architecture = "amd64" }: SamplePackage): string {
  return `pool/main/${name}_${version}_${architecture}.deb`;
}

/** Path below the mirror -> bytes. `date` is the release's and the signature's. */
export async function sampleArchive(
  suite: string,
  packages: readonly SamplePackage[],
  { signer, date }: { readonly signer: ArchiveSigner; readonly date: Date },
): Promise<Map<string, Buffer>> {
  const index = Buffer.from(packages.map(stanzaOf).join("\n"));
  const xz = await buffer(execStream("xz", ["-c"], { input: [index] }));
  const release = [
    `Codename: ${suite}`,
    `Date: ${date.toUTCString().replace("GMT", "UTC")}`,
    "SHA256:",
    ` ${hexOf(digestOf(xz))} ${xz.length} main/binary-amd64/Packages.xz`,
    "",
  ].join("\n");
  const message = await createCleartextMessage({ text: release });
  const inRelease = await sign({ message, signingKeys: signer.key, date });
  return new Map([
    [`dists/${suite}/InRelease`, Buffer.from(inRelease.replaceAll("\r\n", "\n"))],
    [`dists/${suite}/main/binary-amd64/Packages.xz`, xz],
    ...packages.map((one) => [debPath(one), debOf(one)] as const),
  ]);
}

function stanzaOf(one: SamplePackage): string {
  const deb = debOf(one);
  const fields = {
    Package: one.name,
    Version: one.version ?? "1.0",
    Architecture: one.architecture ?? "amd64",
    ...(one.depends === undefined ? {} : { Depends: one.depends }),
    Filename: debPath(one),
    Size: String(deb.length),
    SHA256: hexOf(digestOf(deb)),
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}
