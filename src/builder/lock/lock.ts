import { canonicalJson, type Json } from "../../shared/canonical-json.ts";
import { digestOf, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import type { RelativePath } from "../../shared/relative-path.ts";
import { compileSchema, parseAs, type Validator } from "../../shared/schema.ts";
import type { GitSource, OmittedPackage } from "../recipe/recipe.ts";
import lockSchema from "./lock.schema.json" with { type: "json" };

/**
 * What a recipe came to mean: every input with its digest and size, and a path relative to a named mirror, never a host.
 * images/<name>/lock.json; written by `lock` alone, read by everything after it.
 */
export type Lock = {
  readonly format: 1;
  readonly name: string;
  /** Digest of the recipe's canonical JSON. */
  readonly recipe: Digest;
  /** Seconds since 1970: the newest Date among the signed inputs; no file in the image is younger. */
  readonly epoch: number;
  /** Digest of the base image's lock, where there is a base. */
  readonly base?: Digest;
  readonly releases: readonly LockedRelease[];
  readonly packages: readonly LockedPackage[];
  readonly omitted: readonly OmittedPackage[];
  readonly compile?: LockedCompile;
  readonly npm?: readonly LockedFile[];
  readonly wheels?: LockedWheels;
};

/** A file at a mirror: `mirror` is a name that the machine's settings turn into an address. */
type Location = { readonly mirror: MirrorName; readonly path: RelativePath };
export const MIRROR_NAMES = ["debian", "debian-security", "pypi", "npm"] as const;
export type MirrorName = (typeof MIRROR_NAMES)[number];

export type LockedFile = Location & {
  readonly purl: string;
  readonly sha256: Digest;
  readonly sizeBytes: number;
};

/** One signed suite that packages were taken from. */
export type LockedRelease = Location & {
  readonly suite: string;
  readonly sha256: Digest;
  /** Primary key fingerprint of the certificate whose signature was verified, upper-case hex. */
  readonly signedBy: string;
  /** The release's Date, seconds since 1970. */
  readonly date: number;
  readonly index: { readonly path: RelativePath; readonly sha256: Digest; readonly sizeBytes: number };
};

export type LockedPackage = LockedFile & {
  readonly name: string;
  readonly version: string;
  readonly architecture: "amd64" | "all";
  readonly suite: string;
  readonly source: { readonly name: string; readonly version: string };
  /** The package that asked for this one; undefined where the recipe did. */
  readonly because?: string;
  readonly scripts: readonly BoundScript[];
};

export const SCRIPT_NAMES = ["config", "postinst", "postrm", "preinst", "prerm"] as const;
export type ScriptName = (typeof SCRIPT_NAMES)[number];

/** A maintainer script that does not run, and what stands in its place. */
export type BoundScript = {
  readonly name: ScriptName;
  readonly sha256: Digest;
  readonly decision: ScriptDecision;
};

export type ScriptDecision =
  | { readonly kind: "effect"; readonly effect: EffectName }
  | { readonly kind: "not needed"; readonly because: string };

/** What assemble does itself instead of running a script. */
const EFFECT_NAMES = ["accounts", "ca-bundle", "ld-so-cache", "merged-usr", "os-files"] as const;
export type EffectName = (typeof EFFECT_NAMES)[number];

export type LockedCompile = {
  readonly packages: readonly LockedPackage[];
  readonly omitted: readonly OmittedPackage[];
  readonly source: LockedSource;
};

export type LockedWheels = {
  /** The interpreter that they were chosen for, such as 3.11.2. */
  readonly python: string;
  readonly files: readonly LockedWheel[];
  readonly omitted: readonly OmittedPackage[];
};

export type LockedWheel = LockedFile & {
  /** By its normalised name. */
  readonly project: string;
  readonly version: string;
  /** The project that asked for this one; undefined where the recipe did. */
  readonly because?: string;
};

export type LockedSource = Omit<GitSource, "origins"> & {
  /** The tree's files as one canonical tar: what lies in the store, and what an origin must amount to. */
  readonly tar: { readonly sha256: Digest; readonly sizeBytes: number };
  /** Where the tree can be had; whichever answers, the tree's files must hash to `tree` and `commit`. */
  readonly origins: readonly LockedOrigin[];
};

export type LockedOrigin =
  | {
      readonly kind: "sdist";
      readonly file: LockedFile;
      readonly folder: RelativePath;
      readonly gitFolder: RelativePath;
    }
  | { readonly kind: "git"; readonly url: string };

/** What an image's lock records of its base, and a build of its lock: the meaning, not the spelling. */
export function lockDigest(lock: Lock): Digest {
  return digestOf(canonicalJson(lock satisfies Json));
}

const validate: Validator<Lock> = compileSchema<Lock>(lockSchema);

/** Throws AppError LOCK_INVALID (integrity). */
export function parseLock(text: string, path: string): Lock {
  return parseAs(text, { validate, invalid: (why) => invalid(path, why) });
}

function invalid(path: string, why: string): AppError {
  return new AppError({ class: "integrity", code: "LOCK_INVALID" }, `Cannot use lock "${path}": ${why}`, {
    hint: "Locks are written by `cloister lock`, not by hand",
    fields: { path },
  });
}
