/** Keys that are always the same ones, so that what they sign can stand in a test. */
import { createHash, createPrivateKey } from "node:crypto";
import { COSIGNATURE, NOTE_SIGNATURE, signerOf, type Signer } from "../../../src/audit/notes/keys.ts";

/** PKCS #8 of an Ed25519 key, before its 32 bytes (RFC 8410). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

export const ORIGIN = "cloister-log/0badcafe";

export function logSigner(seed = "seed of the log", name = ORIGIN): Signer {
  return signerOf(name, NOTE_SIGNATURE, keyOf(seed));
}

export function witnessSigner(seed = "seed of the witness"): Signer {
  return signerOf("cloister-witness", COSIGNATURE, keyOf(seed));
}

function keyOf(seed: string) {
  const secret = createHash("sha256").update(seed).digest();
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, secret]), format: "der", type: "pkcs8" });
}
