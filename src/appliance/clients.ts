/** Keys of clients: the key itself in a file for whoever carries it to the client, its SHA-256 for the gateway. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import { compareCodeUnits } from "../shared/order.ts";
import { clientsFolder } from "./state.ts";

export type ClientKey = { readonly id: string; readonly sha256: string };

const KEY_BYTES = 32;
const SUFFIX = ".key";

/** Makes a key for each name that has none. Throws AppError CLIENT_NAME (usage). Returns all that there are, sorted by name. */
export async function settleClients(
  stateRoot: string,
  names: readonly string[],
): Promise<readonly ClientKey[]> {
  const folder = clientsFolder(stateRoot);
  const known = await namesIn(folder);
  for (const name of names) {
    refuseOddName(name);
    if (known.includes(name)) continue;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFileWhole(
      join(folder, `${name}${SUFFIX}`),
      `ck-${randomBytes(KEY_BYTES).toString("base64url")}\n`,
      0o600,
    );
  }
  return await Promise.all(
    (await namesIn(folder)).map(async (id) => ({ id, sha256: await hashOf(folder, id) })),
  );
}

async function hashOf(folder: string, id: string): Promise<string> {
  const key = (await readFile(join(folder, `${id}${SUFFIX}`), "utf8")).trim();
  return createHash("sha256").update(key).digest("hex");
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    const files = await readdir(folder);
    return files
      .flatMap((file) => (file.endsWith(SUFFIX) ? [file.slice(0, -SUFFIX.length)] : []))
      .sort(compareCodeUnits);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function refuseOddName(name: string): void {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(name) && !name.startsWith(".")) return;
  throw new AppError(
    { class: "usage", code: "CLIENT_NAME" },
    `Cannot make a key for client "${name}": expected up to 64 letters, digits, dots, dashes and underscores`,
  );
}
