/** Ed25519 keys of notes: PKCS #8 PEM on the disk, C2SP verifier keys ("vkeys") towards everybody else. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, isErrno, messageOf } from "../../shared/errors.ts";
import { syncPath, writeFileWhole } from "../../shared/file.ts";
import { parseBase64, toBase64 } from "./base64.ts";

/** Signature types of C2SP signed-note: Ed25519 over the text, and over a cosignature's own message. */
export const NOTE_SIGNATURE = 0x01;
export const COSIGNATURE = 0x04;
export type SignatureType = typeof NOTE_SIGNATURE | typeof COSIGNATURE;

export type Verifier = {
  readonly name: string;
  readonly type: SignatureType;
  /** First four bytes of SHA-256 over name, newline, type and key: big-endian. */
  readonly id: number;
  readonly vkey: string;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
};

export type Signer = Verifier & { sign(message: Uint8Array): Uint8Array };

const PUBLIC_BYTES = 32;
/** SubjectPublicKeyInfo of an Ed25519 key, before its 32 bytes (RFC 8410). */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** Throws AppError VKEY_INVALID (usage). */
export function parseVerifier(vkey: string): Verifier {
  const [, name, id, encoded] = /^([^\p{White_Space}+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(vkey.trim()) ?? [];
  if (name === undefined || id === undefined || encoded === undefined)
    throw invalid(vkey, "it is not name+hash+key");
  const bytes = parseBase64(encoded);
  const type = bytes?.[0];
  if ((type !== NOTE_SIGNATURE && type !== COSIGNATURE) || bytes?.length !== PUBLIC_BYTES + 1)
    throw invalid(vkey, "it is no Ed25519 key");
  const verifier = verifierOf(name, type, bytes.subarray(1));
  if (verifier.id !== Number.parseInt(id, 16)) throw invalid(vkey, "its hash is not that of its key");
  return verifier;
}

export function newSigningKey(): KeyObject {
  return generateKeyPairSync("ed25519").privateKey;
}

export function signerOf(name: string, type: SignatureType, key: KeyObject): Signer {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const verifier = verifierOf(name, type, spki.subarray(-PUBLIC_BYTES));
  return { ...verifier, sign: (message) => sign(null, message, key) };
}

function verifierOf(name: string, type: SignatureType, publicKey: Uint8Array): Verifier {
  const typed = Buffer.concat([Buffer.from([type]), publicKey]);
  const id = createHash("sha256").update(`${name}\n`).update(typed).digest().readUInt32BE(0);
  const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: "der", type: "spki" });
  return {
    name,
    type,
    id,
    vkey: `${name}+${id.toString(16).padStart(8, "0")}+${toBase64(typed)}`,
    verify: (message, signature) => verify(null, message, key, signature),
  };
}

/** Makes the key where there is none. Throws AppError KEY_UNREADABLE (preflight). */
export async function readOrMakeKey(path: string): Promise<KeyObject> {
  const known = await readKey(path);
  if (known !== undefined) return known;
  const key = newSigningKey();
  await writeKey(path, key);
  return key;
}

export async function writeKey(path: string, key: KeyObject): Promise<void> {
  await writeFileWhole(path, [Buffer.from(key.export({ type: "pkcs8", format: "pem" }))], 0o600);
  await syncPath(dirname(path));
}

/** undefined where there is no such file. */
export async function readKey(path: string): Promise<KeyObject | undefined> {
  try {
    const key = createPrivateKey(await readFile(path));
    if (key.asymmetricKeyType === "ed25519") return key;
    throw new Error("it is no Ed25519 key");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw new AppError(
      { class: "preflight", code: "KEY_UNREADABLE" },
      `Cannot read the signing key "${path}": ${messageOf(error)}`,
      { cause: error, fields: { path } },
    );
  }
}

function invalid(vkey: string, why: string): AppError {
  return new AppError(
    { class: "usage", code: "VKEY_INVALID" },
    `Cannot use "${vkey}" as a verifier key: ${why}`,
  );
}
