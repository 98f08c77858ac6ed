/**
 * images/: an OCI image layout (image-spec, image-layout.md) that `docker load` takes as well, by its manifest.json. Blobs lie
 * under blobs/sha256 alone and once each: links for the older names break other readers, and nobody needs them.
 */
import { canonicalJson, type Json } from "../../shared/canonical-json.ts";
import { hexOf, type Digest } from "../../shared/digest.ts";
import { byKey } from "../../shared/order.ts";
import type { StoredBlob } from "../../shared/store/store.ts";
import { ARCHITECTURE, MEDIA_TYPES, OCI_LAYOUT_VERSION, OS } from "../format.ts";
import type { BuiltImage } from "../image/build-image.ts";
import { blobMember, bytesMember, type ApplianceMember } from "./member.ts";

/** Index files first, then manifests and configs, then layers: a reader that streams knows what a layer is when it comes. */
export function imageLayout(images: readonly BuiltImage[]): readonly ApplianceMember[] {
  const sorted = images.toSorted(byKey((image) => image.name));
  return [
    file("oci-layout", { imageLayoutVersion: OCI_LAYOUT_VERSION }),
    file("index.json", {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.index,
      manifests: sorted.map(indexEntry),
    }),
    file("manifest.json", sorted.map(dockerEntry)),
    ...blobs(sorted.flatMap((image) => [image.manifest, image.config])),
    ...blobs(sorted.flatMap((image) => image.layers)),
  ];
}

function file(name: string, value: Json): ApplianceMember {
  return bytesMember(`images/${name}`, canonicalJson(value));
}

function indexEntry(image: BuiltImage): Json {
  return {
    mediaType: MEDIA_TYPES.manifest,
    digest: image.manifest.digest,
    size: image.manifest.sizeBytes,
    platform: { architecture: ARCHITECTURE, os: OS },
    annotations: {
      // containerd takes the whole name from the first, skopeo and umoci the tag from the second.
      "io.containerd.image.name": image.reference,
      "org.opencontainers.image.ref.name": image.reference.slice(image.reference.lastIndexOf(":") + 1),
    },
  };
}

function dockerEntry(image: BuiltImage): Json {
  return {
    Config: blobPath(image.config.digest),
    RepoTags: [image.reference],
    Layers: image.layers.map((layer) => blobPath(layer.digest)),
  };
}

function blobs(all: readonly StoredBlob[]): readonly ApplianceMember[] {
  const distinct = new Map(all.map((blob) => [blob.digest, blob]));
  return [...distinct.values()]
    .sort(byKey((blob) => blob.digest))
    .map((blob) => blobMember(`images/${blobPath(blob.digest)}`, blob));
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
