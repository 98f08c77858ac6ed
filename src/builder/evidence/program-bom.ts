import { AppError } from "../../shared/errors.ts";
import { compileSchema, parseAs } from "../../shared/schema.ts";
import { writeBom, type Bom, type Component } from "./bom.ts";
import { declared, ownComponent } from "./components.ts";
import { purl } from "./purl.ts";

/** The part of package-lock.json (lockfileVersion 3) that is read here. */
export type NpmLock = {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly integrity?: string; readonly license?: string }>
  >;
};

const TEXT = { type: "string" };
const validate = compileSchema<NpmLock>({
  type: "object",
  required: ["packages"],
  properties: {
    packages: {
      type: "object",
      additionalProperties: {
        type: "object",
        properties: { version: TEXT, integrity: TEXT, license: TEXT },
      },
    },
  },
});

/** Throws AppError NPM_LOCK_INVALID (usage). */
export function parseNpmLock(text: string): NpmLock {
  return parseAs(text, { validate, invalid });
}

function invalid(why: string): AppError {
  return new AppError({ class: "usage", code: "NPM_LOCK_INVALID" }, `Cannot read package-lock.json: ${why}`);
}

/** SBOM/cloister.cdx.json: the npm packages of which code ended in bin/cloister.mjs, by their folder below the repository. */
export function programBom(npmLock: NpmLock, folders: readonly string[], epoch: number): Bom {
  const subject = ownComponent("cloister");
  const components = npmComponents(npmLock, folders);
  const refs = components.map((component) => component["bom-ref"]);
  return writeBom(
    { subject, components, needs: new Map([[subject["bom-ref"], refs]]), incomplete: refs },
    epoch,
  );
}

export function npmComponents(npmLock: NpmLock, folders: readonly string[]): readonly Component[] {
  return folders.map((folder) => npmComponent(npmLock, folder));
}

function npmComponent(npmLock: NpmLock, folder: string): Component {
  const locked = npmLock.packages[folder];
  const integrity = /^sha512-(.+)$/.exec(locked?.integrity ?? "")?.[1];
  if (locked?.version === undefined || integrity === undefined)
    throw new Error(`package-lock.json says nothing of "${folder}"`);
  const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
  const [scope, bare] = name.startsWith("@") ? name.split("/") : [undefined, name];
  const identity = { type: "npm", name: bare ?? name, version: locked.version };
  const reference = purl(scope === undefined ? identity : { ...identity, namespace: scope });
  return {
    type: "library",
    "bom-ref": reference,
    name,
    version: locked.version,
    purl: reference,
    scope: "required",
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity, "base64").toString("hex") }],
    ...(locked.license === undefined ? {} : { licenses: declared(locked.license) }),
  };
}
