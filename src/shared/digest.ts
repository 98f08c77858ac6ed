import { createHash } from "node:crypto";
import { AppError } from "./errors.ts";

declare const brand: unique symbol;

/** `sha256:` and 64 lower-case hex digits. */
export type Digest = string & { readonly [brand]: "Digest" };
/** Digest of an uncompressed layer tar; layers are never compressed here, so it is also the layer's blob digest. */
export type DiffId = Digest & { readonly role?: "DiffId" };
/** Digest of an image's config blob: the image ID on a graph-driver engine. */
export type ConfigDigest = Digest & { readonly role?: "ConfigDigest" };
/** Digest of an image's manifest blob: the image ID on a containerd store. */
export type ManifestDigest = Digest & { readonly role?: "ManifestDigest" };

const PATTERN = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

/** Throws AppError DIGEST_MALFORMED (integrity). */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new AppError(
    { class: "integrity", code: "DIGEST_MALFORMED" },
    `Cannot read "${text}" as a digest: expected "sha256:" and 64 hex digits`,
  );
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return parseDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}

/** The 64 hex digits alone. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** A running sha256 that also counts bytes. */
export type Hasher = {
  update(chunk: Uint8Array): void;
  finish(): { readonly digest: Digest; readonly sizeBytes: number };
};

export function createHasher(): Hasher {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  return {
    update(chunk) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    },
    finish: () => ({ digest: digestFromHex(hash.digest("hex")), sizeBytes }),
  };
}
