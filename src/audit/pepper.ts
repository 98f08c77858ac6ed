import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, isErrno } from "../shared/errors.ts";
import { syncPath, writeFileWhole } from "../shared/file.ts";

const BYTES = 32;

/** The secret that makes pseudonyms, made where it is missing. Throws AppError PEPPER_INVALID (preflight). */
export async function readOrMakePepper(path: string): Promise<Uint8Array> {
  const known = await readPepper(path);
  if (known !== undefined) return known;
  const fresh = randomBytes(BYTES);
  await writeFileWhole(path, `${fresh.toString("hex")}\n`, 0o600);
  await syncPath(dirname(path));
  return fresh;
}

/** undefined where there is none. */
export async function readPepper(path: string): Promise<Uint8Array | undefined> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, "hex");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  throw new AppError(
    { class: "preflight", code: "PEPPER_INVALID" },
    `Cannot make pseudonyms with "${path}": it does not hold ${BYTES} bytes in hexadecimal`,
    {
      fields: { path },
      hint: "With another one, the same people get other pseudonyms: bring back the file that was there",
    },
  );
}
