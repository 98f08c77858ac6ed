import { canonicalJson, type Json } from "../../shared/canonical-json.ts";
import { hexOf } from "../../shared/digest.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import type { Tree } from "../assemble/tree.ts";
import { REFERENCE_PREFIX } from "../format.ts";
import type { ImageConfig } from "../recipe/recipe.ts";
import { imageConfig, imageManifest } from "./config.ts";
import { writeFileList } from "./file-list.ts";
import { writeLayer } from "./layer.ts";

export type ImageInput = {
  readonly name: string;
  readonly version: string;
  readonly config: ImageConfig;
  /** Lowest first; the same tree in two images is the same blob. */
  readonly layers: readonly Tree[];
  /** What all layers together come to. */
  readonly root: Tree;
  /** Seconds since 1970; nothing in the layers is younger. */
  readonly epoch: number;
};

/** An image whose every blob lies in the store. A layer's digest is its diff id: layers are not compressed. */
export type BuiltImage = {
  readonly name: string;
  /** "localhost/cloister/<name>:<version>-<first 12 hex of the config digest>": a stale image cannot answer to it. */
  readonly reference: string;
  readonly manifest: StoredBlob;
  readonly config: StoredBlob;
  readonly layers: readonly StoredBlob[];
  /** Sum of the layers. */
  readonly sizeBytes: number;
  /** An ImageFileList. */
  readonly fileList: StoredBlob;
};

export async function buildImage(input: ImageInput, deps: { readonly store: Store }): Promise<BuiltImage> {
  const { name, version, epoch } = input;
  for (const node of input.root)
    if (node.mtime > epoch) throw new Error(`"${node.path}" in image ${name} is younger than its lock`);
  const layers: StoredBlob[] = [];
  for (const tree of input.layers) layers.push(await writeLayer(tree, deps));
  const diffIds = layers.map((layer) => layer.digest);
  const config = await addJson(imageConfig({ config: input.config, diffIds, epoch }), deps);
  return {
    name,
    reference: `${REFERENCE_PREFIX}/${name}:${version}-${hexOf(config.digest).slice(0, 12)}`,
    manifest: await addJson(imageManifest({ config, layers, version, epoch }), deps),
    config,
    layers,
    sizeBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    fileList: await writeFileList(name, input.root, deps),
  };
}

function addJson(value: Json, { store }: { store: Store }): Promise<StoredBlob> {
  return store.add([Buffer.from(canonicalJson(value))]);
}
