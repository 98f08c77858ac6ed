import type { ApplianceManifest } from "../../shared/appliance/manifest.ts";
import type { Json } from "../../shared/canonical-json.ts";
import { hexOf } from "../../shared/digest.ts";
import { byKey, compareCodeUnits } from "../../shared/order.ts";
import { parseRelativePath } from "../../shared/relative-path.ts";
import { ARCHITECTURE, FORMAT } from "../format.ts";
import type { BuiltImage } from "../image/build-image.ts";
import { imageLayout } from "./image-layout.ts";
import { blobMember, bytesMember, jsonMember, type ApplianceMember } from "./member.ts";
import type { ModelFile } from "./model-file.ts";

export type ApplianceParts = {
  readonly version: string;
  readonly variant: "cpu" | "cuda";
  /** Seconds since 1970: the newest epoch of the locks. */
  readonly epoch: number;
  readonly images: readonly BuiltImage[];
  readonly models: readonly ModelFile[];
  /** Everything below FOLDERS but what images and models bring. */
  readonly files: readonly ApplianceMember[];
};

/** What an appliance will be, down to the digest of each member; members stand in the order of the tar. */
export type AppliancePlan = { readonly epoch: number; readonly members: readonly ApplianceMember[] };

/** Small things first: whoever reads the tar as a stream knows what comes, and what it must hash to, before the large files. */
const FOLDERS = ["SBOM", "compose", "docs", "firewall", "provenance", "bin", "images", "models"] as const;

/** The oldest API of the engines that load such a tar: Docker 20.10. */
const MINIMUM_API_VERSION = "1.41";

export function planAppliance(parts: ApplianceParts): AppliancePlan {
  const layout = imageLayout(parts.images);
  const lists = parts.images.map((image) => blobMember(fileListPath(image), image.fileList));
  const models = parts.models.flatMap(modelMembers);
  const others = [...parts.files, ...lists, ...models].sort(byKey((member) => member.path));
  const files = [...others, ...layout].sort((a, b) => folderRank(a) - folderRank(b));
  const manifest = jsonMember("appliance.json", applianceManifest(parts, { files, layout }) satisfies Json);
  assertDistinct(files);
  return { epoch: parts.epoch, members: [manifest, checksums([manifest, ...files]), ...files] };
}

/** Stands in SHA256SUMS's own form, sorted by path, for `sha256sum -c` from the appliance's root. */
function checksums(members: readonly ApplianceMember[]): ApplianceMember {
  const lines = members
    .toSorted(byKey((member) => member.path))
    .map((member) => `${hexOf(member.digest)}  ${member.path}\n`);
  return bytesMember("SHA256SUMS", lines.join(""));
}

function applianceManifest(
  parts: ApplianceParts,
  members: { readonly files: readonly ApplianceMember[]; readonly layout: readonly ApplianceMember[] },
): ApplianceManifest {
  return {
    format: FORMAT,
    name: "cloister",
    version: parts.version,
    variant: parts.variant,
    architecture: ARCHITECTURE,
    epoch: parts.epoch,
    images: parts.images.toSorted(byKey((image) => image.name)).map((image) => ({
      name: image.name,
      reference: image.reference,
      manifestDigest: image.manifest.digest,
      configDigest: image.config.digest,
      diffIds: image.layers.map((layer) => layer.digest),
      sizeBytes: image.sizeBytes,
      files: parseRelativePath(fileListPath(image)),
    })),
    models: parts.models.toSorted(byKey((model) => model.digest)).map((model) => ({
      path: parseRelativePath(modelPath(model)),
      sha256: model.digest,
      sizeBytes: model.sizeBytes,
      name: model.name,
      architecture: model.architecture,
    })),
    engine: { minimumApiVersion: MINIMUM_API_VERSION },
    totals: {
      files: members.files.length,
      sizeBytes: sumOf(members.files),
      imageBytes: sumOf(members.layout),
    },
  };
}

function modelMembers(model: ModelFile): readonly ApplianceMember[] {
  const { digest, sizeBytes, hostPath } = model;
  const path = parseRelativePath(modelPath(model));
  return [
    { path, mode: 0o644, digest, sizeBytes, source: { kind: "host file", path: hostPath } },
    jsonMember(path.replace(/\.gguf$/, ".json"), model.card),
  ];
}

function modelPath(model: ModelFile): string {
  return `models/${hexOf(model.digest)}.gguf`;
}

function fileListPath(image: BuiltImage): string {
  return `provenance/${image.name}.files.json`;
}

function sumOf(members: readonly ApplianceMember[]): number {
  return members.reduce((sum, member) => sum + member.sizeBytes, 0);
}

function folderRank(member: ApplianceMember): number {
  const rank = FOLDERS.findIndex((folder) => member.path.startsWith(`${folder}/`));
  if (rank === -1) throw new Error(`"${member.path}" lies in no folder of an appliance`);
  return rank;
}

/** GNU's sha256sum escapes a name with a backslash, others do not: there is none. */
function assertDistinct(members: readonly ApplianceMember[]): void {
  const paths = members.map((member) => member.path).sort(compareCodeUnits);
  paths.forEach((path, index) => {
    if (path === paths[index + 1]) throw new Error(`Two members of the appliance are named "${path}"`);
    if (path.includes("\\")) throw new Error(`"${path}" cannot stand in SHA256SUMS`);
  });
}
