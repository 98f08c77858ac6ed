/** Whether images/ holds what appliance.json promises: names, manifests, configs and layers, one against the other. */
import type { ApplianceImage, ApplianceManifest } from "../shared/appliance/manifest.ts";
import { hexOf, type Digest } from "../shared/digest.ts";
import type { RelativePath } from "../shared/relative-path.ts";
import { compileSchema, type Validator } from "../shared/schema.ts";
import { readText, type Appliance, type CarriedFile } from "./open-appliance.ts";
import { isListed } from "./sums.ts";

type Promises = {
  readonly manifest: ApplianceManifest;
  readonly sums: ReadonlyMap<RelativePath, Digest>;
};

type OciManifest = {
  readonly config: { readonly digest: Digest };
  readonly layers: readonly { readonly digest: Digest }[];
};
type OciConfig = { readonly rootfs: { readonly diff_ids: readonly Digest[] } };
type OciIndex = {
  readonly manifests: readonly {
    readonly digest: Digest;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
};
type DockerManifest = readonly {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}[];

const BLOBS = "images/blobs/sha256/";

const digest = { type: "string", pattern: "^sha256:[0-9a-f]{64}$" };
const strings = { type: "array", items: { type: "string" } };
const withDigest = { type: "object", required: ["digest"], properties: { digest } };

const isManifest = compileSchema<OciManifest>({
  type: "object",
  required: ["config", "layers"],
  properties: { config: withDigest, layers: { type: "array", items: withDigest } },
});
const isConfig = compileSchema<OciConfig>({
  type: "object",
  required: ["rootfs"],
  properties: {
    rootfs: {
      type: "object",
      required: ["diff_ids"],
      properties: { diff_ids: { type: "array", items: digest } },
    },
  },
});
const isIndex = compileSchema<OciIndex>({
  type: "object",
  required: ["manifests"],
  properties: {
    manifests: {
      type: "array",
      items: {
        ...withDigest,
        properties: { digest, annotations: { type: "object", additionalProperties: { type: "string" } } },
      },
    },
  },
});
const isDockerManifest = compileSchema<DockerManifest>({
  type: "array",
  items: {
    type: "object",
    required: ["Config", "RepoTags", "Layers"],
    properties: { Config: { type: "string" }, RepoTags: strings, Layers: strings },
  },
});

/**
 * Sentences about what does not agree; none where all does. That the bytes have their sums is shown elsewhere; here the sums
 * themselves are held against the digests that name a blob or a model, for whoever changes a file can change its line as well.
 */
export async function layoutFaults(
  appliance: Appliance,
  { manifest, sums }: Promises,
): Promise<readonly string[]> {
  const faults = [...misnamed(manifest, sums), ...miscounted(appliance, manifest)];
  const index = await readAs(appliance, "images/index.json", isIndex);
  const docker = await readAs(appliance, "images/manifest.json", isDockerManifest);
  if (index === undefined) faults.push('"images/index.json" is no OCI index');
  if (docker === undefined) faults.push('"images/manifest.json" is not what docker load reads');
  if (index !== undefined && index.manifests.length !== manifest.images.length)
    faults.push(
      `"images/index.json" names ${index.manifests.length} images, expected ${manifest.images.length}`,
    );
  if (docker !== undefined && docker.length !== manifest.images.length)
    faults.push(`"images/manifest.json" names ${docker.length} images, expected ${manifest.images.length}`);
  for (const image of manifest.images) {
    faults.push(...(await imageFaults(appliance, image)));
    const indexed = index?.manifests.find(
      ({ annotations }) => annotations?.["io.containerd.image.name"] === image.reference,
    );
    if (indexed?.digest !== image.manifestDigest)
      faults.push(
        `"images/index.json" gives ${image.reference} ${indexed?.digest ?? "no digest"}, expected ${image.manifestDigest}`,
      );
    if (!docker?.some((entry) => isDockerEntry(entry, image)))
      faults.push(
        `"images/manifest.json" does not give ${image.reference} the config and layers of appliance.json`,
      );
    if (appliance.file(image.files) === undefined) faults.push(`"${image.files}" is missing`);
  }
  for (const model of manifest.models) {
    const sizeBytes = appliance.file(model.path)?.sizeBytes;
    if (sizeBytes !== model.sizeBytes)
      faults.push(`"${model.path}" has ${sizeBytes ?? "no"} bytes, expected ${model.sizeBytes}`);
  }
  return faults;
}

function* misnamed(manifest: ApplianceManifest, sums: Promises["sums"]): Generator<string> {
  const models = manifest.models.map(({ path, sha256 }) => [path, sha256] as const);
  const named = new Map<string, string>(models);
  for (const path of sums.keys())
    if (path.startsWith(BLOBS)) named.set(path, `sha256:${path.slice(BLOBS.length)}`);
  for (const [path, received] of sums) {
    const expected = named.get(path) ?? received;
    if (received !== expected) yield `"${path}" has ${received}, expected ${expected}`;
  }
}

/** The totals count neither appliance.json, which they stand in, nor SHA256SUMS. */
function* miscounted(appliance: Appliance, { totals }: ApplianceManifest): Generator<string> {
  const counted = appliance.entries.filter(({ path }) => isListed(path) && path !== "appliance.json");
  const sizeBytes = sizeOf(counted);
  if (counted.length !== totals.files || sizeBytes !== totals.sizeBytes)
    yield `it has ${counted.length} files of ${sizeBytes} bytes, expected ${totals.files} of ${totals.sizeBytes}`;
  const imageBytes = sizeOf(counted.filter(({ path }) => path.startsWith("images/")));
  if (imageBytes !== totals.imageBytes)
    yield `images/ has ${imageBytes} bytes, expected ${totals.imageBytes}`;
}

function sizeOf(files: readonly CarriedFile[]): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

async function imageFaults(appliance: Appliance, image: ApplianceImage): Promise<readonly string[]> {
  const faults: string[] = [];
  const expect = (what: string, received: readonly string[], expected: readonly string[]): void => {
    if (received.join() !== expected.join())
      faults.push(
        `${image.name}: ${what} ${received.join(", ") || "nothing"}, expected ${expected.join(", ")}`,
      );
  };
  const manifest = await readAs(appliance, blobPath(image.manifestDigest), isManifest);
  if (manifest === undefined)
    return [`${image.name}: its manifest ${image.manifestDigest} is missing or malformed`];
  expect("the manifest's config is", [manifest.config.digest], [image.configDigest]);
  expect(
    "the manifest's layers are",
    manifest.layers.map((layer) => layer.digest),
    image.diffIds,
  );
  const config = await readAs(appliance, blobPath(image.configDigest), isConfig);
  if (config === undefined)
    return [...faults, `${image.name}: its config ${image.configDigest} is missing or malformed`];
  expect("the config's layers are", config.rootfs.diff_ids, image.diffIds);
  for (const layer of image.diffIds)
    if (appliance.file(blobPath(layer)) === undefined)
      faults.push(`${image.name}: its layer ${layer} is missing`);
  return faults;
}

function isDockerEntry(entry: DockerManifest[number], image: ApplianceImage): boolean {
  return (
    entry.RepoTags.join() === image.reference &&
    entry.Config === inLayout(image.configDigest) &&
    entry.Layers.join() === image.diffIds.map(inLayout).join()
  );
}

/** docker load's paths start below images/. */
function inLayout(blob: Digest): string {
  return blobPath(blob).slice("images/".length);
}

function blobPath(blob: Digest): string {
  return `${BLOBS}${hexOf(blob)}`;
}

async function readAs<T>(appliance: Appliance, path: string, validate: Validator<T>): Promise<T | undefined> {
  if (appliance.file(path) === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(await readText(appliance, path));
    return validate(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
