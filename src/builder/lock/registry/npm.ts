/** What an npm registry says of one version: where its tarball lies and the sha512 that it must have. */
import { AppError } from "../../../shared/errors.ts";
import { compileSchema, parseAs, type Validator } from "../../../shared/schema.ts";
import { readDocument, type DocumentDeps } from "./read-document.ts";

export type NpmTarball = {
  /** Below the registry: `<package>/-/<file>.tgz`. */
  readonly path: string;
  /** Of a Subresource Integrity string, base64. */
  readonly sha512: string;
};

type Packument = {
  readonly versions: Readonly<
    Record<string, { readonly dist: { readonly tarball: string; readonly integrity?: string } }>
  >;
};

const ACCEPT = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8";
const SHA512 = /(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)(?=[\s?]|$)/;

const validate: Validator<Packument> = compileSchema<Packument>({
  type: "object",
  required: ["versions"],
  properties: {
    versions: {
      type: "object",
      additionalProperties: {
        type: "object",
        required: ["dist"],
        properties: {
          dist: {
            type: "object",
            required: ["tarball"],
            properties: { tarball: { type: "string" }, integrity: { type: "string" } },
          },
        },
      },
    },
  },
});

/**
 * Throws AppError NPM_VERSION_UNKNOWN (usage), NPM_METADATA_MALFORMED (integrity; also where there is no sha512), and what reading a
 * document throws.
 */
export async function readNpmTarball(
  registry: string,
  wanted: { readonly package: string; readonly version: string },
  deps: DocumentDeps,
): Promise<NpmTarball> {
  const url = registry + encodeURIComponent(wanted.package).replace(/^%40/, "@");
  const { bytes } = await readDocument({ url, accept: ACCEPT }, deps);
  return parsePackument(bytes.toString("utf8"), wanted);
}

export function parsePackument(
  text: string,
  wanted: { readonly package: string; readonly version: string },
): NpmTarball {
  const packument = parseAs(text, { validate, invalid: (why) => malformed(wanted.package, why) });
  const version = Object.hasOwn(packument.versions, wanted.version)
    ? packument.versions[wanted.version]
    : undefined;
  if (version === undefined) throw unknownVersion(wanted);
  const [, sha512] = SHA512.exec(version.dist.integrity ?? "") ?? [];
  if (sha512 === undefined) throw malformed(wanted.package, `version ${wanted.version} has no sha512`);
  const file = URL.parse(version.dist.tarball)?.pathname.split("/").at(-1) ?? "";
  if (!/^[\w.-]+\.tgz$/.test(file))
    throw malformed(wanted.package, `"${version.dist.tarball.slice(0, 80)}" is no tarball`);
  return { path: `${wanted.package}/-/${file}`, sha512 };
}

function unknownVersion(wanted: { readonly package: string; readonly version: string }): AppError {
  return new AppError(
    { class: "usage", code: "NPM_VERSION_UNKNOWN" },
    `Cannot find npm package "${wanted.package}" ${wanted.version}: the registry has no such version`,
    { fields: wanted },
  );
}

function malformed(name: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "NPM_METADATA_MALFORMED" },
    `Cannot use the registry's description of npm package "${name}": ${why}`,
    { fields: { package: name } },
  );
}
