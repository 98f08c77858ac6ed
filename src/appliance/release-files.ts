/** What a registered release says of itself, read back from the host's disk and held against what was loaded. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  parseApplianceManifest,
  type ApplianceManifest,
  type ApplianceModel,
} from "../shared/appliance/manifest.ts";
import { modelAlias } from "../shared/appliance/model-alias.ts";
import { digestOf } from "../shared/digest.ts";
import { AppError } from "../shared/errors.ts";
import { hashFile } from "../shared/hash-file.ts";
import { safeJoin } from "../shared/relative-path.ts";
import { releaseFolder, type Release } from "./state.ts";

/** Throws AppError RELEASE_DAMAGED (integrity). */
export async function readReleaseManifest(root: string, release: Release): Promise<ApplianceManifest> {
  const path = join(releaseFolder(root, release.id), "appliance.json");
  const text = await readFile(path, "utf8");
  const received = digestOf(text);
  if (received !== release.manifestDigest) {
    throw new AppError(
      { class: "integrity", code: "RELEASE_DAMAGED" },
      `Cannot use release ${release.id}: "${path}" has ${received}, expected ${release.manifestDigest}`,
      { hint: "Load the appliance again", fields: { path, received, expected: release.manifestDigest } },
    );
  }
  return parseApplianceManifest(text, path);
}

/**
 * `wanted` is a name, an alias or the beginning of a sha256; it may be left out where there is one model. Throws AppError
 * NO_MODEL, MODEL_UNKNOWN (preflight).
 */
export function chooseModel(
  manifest: Pick<ApplianceManifest, "models">,
  wanted: string | undefined,
): ApplianceModel {
  const known = manifest.models.map((model) => `${modelAlias(model)} (${model.sha256})`).join(", ");
  if (manifest.models.length === 0) {
    throw new AppError(
      { class: "preflight", code: "NO_MODEL" },
      "Cannot start: the appliance carries no model",
      {
        hint: "Build it with `cloister build --model FILE`",
      },
    );
  }
  const matching = manifest.models.filter((model) => wanted === undefined || isNamed(model, wanted));
  const [model, second] = matching;
  if (model !== undefined && second === undefined) return model;
  const state =
    wanted === undefined
      ? "the appliance carries several models"
      : `${matching.length} models are named "${wanted}"`;
  throw new AppError(
    { class: "preflight", code: "MODEL_UNKNOWN" },
    `Cannot choose a model: ${state}, expected one`,
    {
      hint: `Name one with --model: ${known}`,
    },
  );
}

function isNamed(model: ApplianceModel, wanted: string): boolean {
  const hex = model.sha256.slice("sha256:".length);
  const byDigest = wanted.length >= 8 && (hex.startsWith(wanted) || model.sha256.startsWith(wanted));
  return byDigest || model.name === wanted || modelAlias(model) === wanted;
}

/** Hashes the whole file. Returns its path; throws AppError MODEL_DIFFERS (integrity). */
export async function verifyModel(
  folder: string,
  model: ApplianceModel,
  signal: AbortSignal,
): Promise<string> {
  const path = safeJoin(folder, model.path);
  const { digest } = await hashFile(path, signal);
  if (digest === model.sha256) return path;
  throw new AppError(
    { class: "integrity", code: "MODEL_DIFFERS" },
    `Cannot start the model "${path}": it has ${digest}, expected ${model.sha256}`,
    { hint: "Load the appliance again", fields: { path, received: digest, expected: model.sha256 } },
  );
}
