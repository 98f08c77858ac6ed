import type { Json } from "../../shared/canonical-json.ts";
import type { DiffId } from "../../shared/digest.ts";
import type { StoredBlob } from "../../shared/store/store.ts";
import { ARCHITECTURE, FORMAT, MEDIA_TYPES, OS } from "../format.ts";
import type { ImageConfig } from "../recipe/recipe.ts";

/** The OCI image configuration (image-spec, config.md). */
export function imageConfig(image: {
  readonly config: ImageConfig;
  readonly diffIds: readonly DiffId[];
  readonly epoch: number;
}): Json {
  const { config } = image;
  const created = timestamp(image.epoch);
  return {
    architecture: ARCHITECTURE,
    os: OS,
    created,
    config: {
      User: config.user,
      Env: config.env,
      Entrypoint: config.entrypoint,
      Cmd: config.command,
      WorkingDir: config.workingDir,
      Labels: config.labels,
      StopSignal: config.stopSignal,
    },
    rootfs: { type: "layers", diff_ids: image.diffIds },
    history: image.diffIds.map(() => ({ created, created_by: "cloister" })),
  };
}

/** The OCI image manifest (image-spec, manifest.md). */
export function imageManifest(image: {
  readonly config: StoredBlob;
  readonly layers: readonly StoredBlob[];
  readonly version: string;
  readonly epoch: number;
}): Json {
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: descriptor(image.config, MEDIA_TYPES.config),
    layers: image.layers.map((layer) => descriptor(layer, MEDIA_TYPES.layer)),
    annotations: {
      "cloister.format": String(FORMAT),
      "org.opencontainers.image.created": timestamp(image.epoch),
      "org.opencontainers.image.version": image.version,
    },
  };
}

function descriptor(blob: StoredBlob, mediaType: string): Json {
  return { mediaType, digest: blob.digest, size: blob.sizeBytes };
}

/** RFC 3339 in UTC, without a fraction. */
function timestamp(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace(".000Z", "Z");
}
