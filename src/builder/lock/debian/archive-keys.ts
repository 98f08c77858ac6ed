/** images/keys/: the certificates of archives, and in suites.yaml which of them count for which suite. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../shared/errors.ts";
import { compareCodeUnits } from "../../../shared/order.ts";
import { compileSchema, parseAs, type Validator } from "../../../shared/schema.ts";
import { readYaml } from "../../../shared/yaml.ts";
import type { MirrorName } from "../lock.ts";

export type ArchiveKeys = {
  /** Armoured certificates. */
  readonly certificates: readonly string[];
  readonly suites: Readonly<Record<string, PinnedSuite>>;
};
export type PinnedSuite = { readonly mirror: MirrorName; readonly fingerprints: readonly string[] };

type SuitesFile = { readonly format: 1; readonly suites: ArchiveKeys["suites"] };

const validate: Validator<SuitesFile> = compileSchema<SuitesFile>({
  type: "object",
  additionalProperties: false,
  required: ["format", "suites"],
  properties: {
    format: { const: 1 },
    suites: {
      type: "object",
      propertyNames: { pattern: "^[a-z]+(-[a-z]+)*$" },
      additionalProperties: {
        type: "object",
        additionalProperties: false,
        required: ["mirror", "fingerprints"],
        properties: {
          mirror: { enum: ["debian", "debian-security"] },
          fingerprints: { type: "array", minItems: 1, items: { type: "string", pattern: "^[0-9A-F]{40}$" } },
        },
      },
    },
  },
});

/** Throws AppError KEYS_INVALID (usage). */
export async function readArchiveKeys(keysFolder: string): Promise<ArchiveKeys> {
  const path = join(keysFolder, "suites.yaml");
  const border = { validate, read: readYaml, invalid: (why: string) => invalid(path, why) };
  const value = parseAs(await readFile(path, "utf8"), border);
  const names = (await readdir(keysFolder)).filter((name) => name.endsWith(".asc")).sort(compareCodeUnits);
  const certificates = await Promise.all(names.map((name) => readFile(join(keysFolder, name), "utf8")));
  return { certificates, suites: value.suites };
}

/** Throws AppError SUITE_UNKNOWN (usage). */
export function pinnedSuite(keys: ArchiveKeys, suite: string): PinnedSuite {
  const pinned = Object.hasOwn(keys.suites, suite) ? keys.suites[suite] : undefined;
  if (pinned !== undefined) return pinned;
  const known = Object.keys(keys.suites).join(", ");
  throw new AppError(
    { class: "usage", code: "SUITE_UNKNOWN" },
    `Cannot use suite "${suite}": no key is pinned for it, expected one of ${known}`,
    { hint: "Add it to images/keys/suites.yaml with its key's fingerprint", fields: { suite } },
  );
}

function invalid(path: string, why: string): AppError {
  return new AppError({ class: "usage", code: "KEYS_INVALID" }, `Cannot use "${path}": ${why}`, {
    fields: { path },
  });
}
