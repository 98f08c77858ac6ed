import type { ConfigDigest, Digest, DiffId, ManifestDigest } from "../digest.ts";
import { AppError } from "../errors.ts";
import type { RelativePath } from "../relative-path.ts";
import { compileSchema, parseAs, type Validator } from "../schema.ts";
import schema from "./appliance.schema.json" with { type: "json" };

/** appliance.json: what one appliance holds, for whoever loads it. Every other file is listed in SHA256SUMS. */
export type ApplianceManifest = {
  readonly format: 1;
  readonly name: "cloister";
  readonly version: string;
  readonly variant: "cpu" | "cuda";
  readonly architecture: "amd64";
  /** Seconds since 1970: the newest epoch of the locks it was built from. */
  readonly epoch: number;
  readonly images: readonly ApplianceImage[];
  readonly models: readonly ApplianceModel[];
  readonly engine: { readonly minimumApiVersion: string };
  /** Of every file but appliance.json and SHA256SUMS; `imageBytes` of images/ alone. */
  readonly totals: { readonly files: number; readonly sizeBytes: number; readonly imageBytes: number };
};

/** The three numbers that name an image (which of them an engine shows depends on its store), and what it is to be. */
export type ApplianceImage = {
  readonly name: string;
  /** "localhost/cloister/<name>:<version>-<first 12 hex of the config digest>" */
  readonly reference: string;
  readonly manifestDigest: ManifestDigest;
  readonly configDigest: ConfigDigest;
  readonly diffIds: readonly DiffId[];
  /** Sum of its layers, uncompressed. */
  readonly sizeBytes: number;
  /** List of every path in the image with its digest: provenance/<name>.files.json. */
  readonly files: RelativePath;
};

export type ApplianceModel = {
  readonly path: RelativePath;
  readonly sha256: Digest;
  readonly sizeBytes: number;
  readonly name: string;
  readonly architecture: string;
};

/** provenance/<image>.files.json: what verify compares a running container's root with. */
export type ImageFileList = {
  readonly format: 1;
  readonly image: string;
  readonly files: readonly ImageFile[];
};

export type ImageFile = {
  /** Without a leading slash. */
  readonly path: string;
  readonly kind: "directory" | "file" | "symlink";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes?: number;
  readonly sha256?: Digest;
  readonly target?: string;
};

const validate: Validator<ApplianceManifest> = compileSchema<ApplianceManifest>(schema);

/** Throws AppError APPLIANCE_INVALID (integrity). */
export function parseApplianceManifest(text: string, path: string): ApplianceManifest {
  return parseAs(text, { validate, invalid: (why) => invalid(path, why) });
}

function invalid(path: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "APPLIANCE_INVALID" },
    `Cannot read "${path}" as an appliance's manifest: ${why}`,
    {
      fields: { path },
    },
  );
}
