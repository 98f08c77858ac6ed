/**
 * Every constant that decides a byte of an artefact. Changing one is format 2, and format 1 stays buildable.
 */
export const FORMAT = 1;

/** No entry is older: ZIP and some stat-based programs refuse dates before 1980. */
export const OLDEST_EPOCH = 315_532_800;

export const OCI_LAYOUT_VERSION = "1.0.0";
export const MEDIA_TYPES = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const;

/** Files and folders that cloister writes itself. */
export const DIRECTORY_MODE = 0o755;
export const FILE_MODE = 0o644;
export const PROGRAM_MODE = 0o755;

export const ARCHITECTURE = "amd64";
export const OS = "linux";

/** Images are named for localhost, so that no engine takes the name for a registry's. */
export const REFERENCE_PREFIX = "localhost/cloister";
