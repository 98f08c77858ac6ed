/** C2SP tlog-cosignature, version 1: a witness says when it saw a checkpoint that was consistent with all it had seen. */
import { COSIGNATURE, type Signer, type Verifier } from "./keys.ts";
import { signatureLine, type SignedNote } from "./signed-note.ts";

const TIME_BYTES = 8;
/** Set by the specification. */
const MAX_SECONDS = 2n ** 63n - 1n;

/** A line for the note; `seconds` since 1970. */
export function cosign(text: string, witness: Signer, seconds: number): string {
  return signatureLine(witness, Buffer.concat([timeBytes(seconds), witness.sign(message(text, seconds))]));
}

/** When this witness cosigned it, in seconds since 1970; undefined where it did not, or where a signature under its name is wrong. */
export function cosignedAt(note: SignedNote, witness: Verifier): number | undefined {
  if (witness.type !== COSIGNATURE) return undefined;
  const own = note.signatures.filter(({ name, id }) => name === witness.name && id === witness.id);
  const times = own.map(({ signature }) => timeOf(note.text, signature, witness));
  return times.includes(undefined) ? undefined : times[0];
}

function timeOf(text: string, signature: Uint8Array, witness: Verifier): number | undefined {
  if (signature.length <= TIME_BYTES) return undefined;
  const seconds = Buffer.from(signature).readBigUInt64BE(0);
  if (seconds > MAX_SECONDS) return undefined;
  return witness.verify(message(text, seconds), signature.subarray(TIME_BYTES)) ? Number(seconds) : undefined;
}

function message(text: string, seconds: number | bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}

function timeBytes(seconds: number): Buffer {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeBigUInt64BE(BigInt(seconds));
  return bytes;
}
