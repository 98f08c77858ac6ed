/** From a payload line to its text, for whoever holds what it takes. */
import { readFile } from "node:fs/promises";
import { Decrypter } from "age-encryption";
import { AppError, messageOf } from "../../shared/errors.ts";
import { matchesCommitment, openSealed, parsePayloadLine, type PayloadLine } from "../payload.ts";
import type { PayloadRef } from "../record.ts";
import { readWrappedKeys } from "../seal.ts";

export type Opened =
  | { readonly kind: "text"; readonly bytes: Uint8Array; readonly salt: Uint8Array }
  | { readonly kind: "removed"; readonly by: number }
  /** Sealed, and none of the identities opens its key, or the key is gone. */
  | { readonly kind: "sealed" };

export type ContentReader = {
  /** Throws AppError PAYLOAD_MALFORMED, PAYLOAD_UNREADABLE, CONTENT_DIFFERS (integrity). */
  open(line: Uint8Array, ref: PayloadRef): Promise<Opened>;
};

/** Lines that are no identities, such as comments, are passed over. Throws AppError IDENTITY_INVALID (usage). */
export async function readIdentities(path: string): Promise<readonly string[]> {
  try {
    const lines = (await readFile(path, "utf8")).split("\n").map((line) => line.trim());
    const identities = lines.filter((line) => line.startsWith("AGE-SECRET-KEY-"));
    if (identities.length === 0) throw new Error("no line of it is an age identity");
    return identities;
  } catch (error) {
    throw new AppError(
      { class: "usage", code: "IDENTITY_INVALID" },
      `Cannot read identities from "${path}": ${messageOf(error)}`,
      { cause: error, fields: { path } },
    );
  }
}

/** Throws AppError IDENTITY_INVALID (usage). */
export function createContentReader(log: string, identities: readonly string[]): ContentReader {
  const decrypter = decrypterFor(identities);
  const days = new Map<string, Promise<ReadonlyMap<string, string>>>();
  const secrets = new Map<string, Promise<Uint8Array | undefined>>();

  async function wrappedKeys(day: string): Promise<ReadonlyMap<string, string>> {
    const keys = await readWrappedKeys(log, day);
    return new Map(keys.map(({ key, wrapped }) => [key, wrapped]));
  }

  /** A day's file grows while it is the day's: a key that is missing is looked for again. */
  async function secretOf(key: string): Promise<Uint8Array | undefined> {
    const day = key.slice(0, 10);
    let wrapped = (await days.get(day))?.get(key);
    if (wrapped === undefined) {
      const read = wrappedKeys(day);
      days.set(day, read);
      wrapped = (await read).get(key);
    }
    if (wrapped === undefined) return undefined;
    return await decrypter.decrypt(Buffer.from(wrapped, "base64")).catch(() => undefined);
  }

  async function open(line: PayloadLine, ref: PayloadRef): Promise<Opened> {
    if (line.kind === "tombstone") return { kind: "removed", by: line.by };
    if (line.kind === "plain") return checked(line, { seq: line.seq, ref });
    const secret = secrets.get(line.key) ?? secretOf(line.key);
    secrets.set(line.key, secret);
    const known = await secret;
    if (known !== undefined) return checked(openSealed(line, known), { seq: line.seq, ref });
    secrets.delete(line.key);
    return { kind: "sealed" };
  }

  return { open: async (line, ref) => await open(parsePayloadLine(line), ref) };
}

function checked(
  content: { readonly salt: Uint8Array; readonly bytes: Uint8Array },
  { seq, ref }: { readonly seq: number; readonly ref: PayloadRef },
): Opened {
  if (matchesCommitment(content, ref)) return { kind: "text", salt: content.salt, bytes: content.bytes };
  throw new AppError(
    { class: "integrity", code: "CONTENT_DIFFERS" },
    `Cannot show the text of record ${seq}: it is not what the record committed to`,
    { fields: { seq }, hint: "`cloister log verify` says what else is wrong" },
  );
}

function decrypterFor(identities: readonly string[]): Decrypter {
  const decrypter = new Decrypter();
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch (error) {
      // The identity itself is never repeated.
      throw new AppError(
        { class: "usage", code: "IDENTITY_INVALID" },
        "Cannot use an identity: it is no age identity that can be read",
        { cause: error },
      );
    }
  }
  return decrypter;
}
