/** Base64 as the C2SP formats have it: one way to write a value, so that a note cannot be changed without changing what it says. */
import { HASH_BYTES } from "../tree/rfc6962.ts";

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** undefined where it is written in any other way. */
export function parseBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

export function parseHash(text: string): Uint8Array | undefined {
  const hash = parseBase64(text);
  return hash?.length === HASH_BYTES ? hash : undefined;
}
