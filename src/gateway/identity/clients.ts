import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { AppError, messageOf } from "../../shared/errors.ts";
import { compileSchema, parseAs, type Validator } from "../../shared/schema.ts";

/** A key is kept as its SHA-256 alone: it is long and random, so that nothing slower is needed. */
export type Client = { readonly id: string; readonly sha256: string };

const validate: Validator<readonly Client[]> = compileSchema<readonly Client[]>({
  type: "array",
  items: {
    type: "object",
    additionalProperties: false,
    required: ["id", "sha256"],
    properties: {
      id: { type: "string", pattern: "^[A-Za-z0-9._-]{1,64}$" },
      sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
    },
  },
});

/** Throws AppError CLIENTS_INVALID (usage). */
export async function readClients(path: string): Promise<readonly Client[]> {
  try {
    return parseAs(await readFile(path, "utf8"), { validate, invalid: (why) => new Error(why) });
  } catch (error) {
    throw new AppError(
      { class: "usage", code: "CLIENTS_INVALID" },
      `Cannot use the list of clients "${path}": ${messageOf(error)}`,
      { cause: error, fields: { path } },
    );
  }
}

/** The key that a client gives: as a bearer token, or as Anthropic's clients do. */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  const other = headers["x-api-key"];
  return bearer ?? (typeof other === "string" ? other : undefined);
}

/** Takes as long for a wrong key as for a right one. */
export function findClient(clients: readonly Client[], key: string): Client | undefined {
  const digest = createHash("sha256").update(key).digest();
  return clients.filter(({ sha256 }) => timingSafeEqual(Buffer.from(sha256, "hex"), digest))[0];
}
