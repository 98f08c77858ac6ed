import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { readAtOnce, syncPath, writeFileWhole } from "../../shared/file.ts";
import { compileSchema, parseAs, type Validator } from "../../shared/schema.ts";
import { LOG_FILE } from "../layout.ts";
import { LOG_FORMAT } from "../record.ts";

export type LogIdentity = {
  readonly format: typeof LOG_FORMAT;
  /** First line of every checkpoint; no two logs have the same. */
  readonly origin: string;
};

const validate: Validator<LogIdentity> = compileSchema<LogIdentity>({
  type: "object",
  additionalProperties: false,
  required: ["format", "origin"],
  properties: {
    format: { const: LOG_FORMAT },
    origin: { type: "string", pattern: "^cloister-log/[0-9a-f]{16}$" },
  },
});

/** undefined where the folder holds no log. Throws AppError LOG_UNKNOWN (integrity). */
export async function readLogIdentity(folder: string): Promise<LogIdentity | undefined> {
  const path = join(folder, LOG_FILE);
  try {
    const text = (await readAtOnce(path)).toString("utf8");
    return parseAs(text, { validate, invalid: (why) => unknown(path, why) });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    if (isErrno(error, "EISDIR") || isErrno(error, "ENOTDIR")) throw unknown(path, "it is no file");
    throw error;
  }
}

export async function readOrMakeLogIdentity(folder: string): Promise<LogIdentity> {
  const known = await readLogIdentity(folder);
  if (known !== undefined) return known;
  const fresh: LogIdentity = { format: LOG_FORMAT, origin: `cloister-log/${randomBytes(8).toString("hex")}` };
  const path = join(folder, LOG_FILE);
  await writeFileWhole(path, `${JSON.stringify(fresh)}\n`, 0o600);
  await syncPath(dirname(path));
  return fresh;
}

function unknown(path: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "LOG_UNKNOWN" },
    `Cannot use the log of "${path}": ${why}`,
    {
      fields: { path },
    },
  );
}
