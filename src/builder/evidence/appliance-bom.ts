import { hexOf } from "../../shared/digest.ts";
import type { ModelFile } from "../appliance/model-file.ts";
import { ARCHITECTURE } from "../format.ts";
import type { BuiltImage } from "../image/build-image.ts";
import { bomLink, properties, writeBom, type Bom, type Component } from "./bom.ts";
import type { NamedBom } from "./lock-boms.ts";
import { ownComponent, sha256 } from "./components.ts";
import { purl } from "./purl.ts";

export type ApplianceContents = {
  readonly images: readonly BuiltImage[];
  readonly models: readonly ModelFile[];
  /** Of the images and the tools. */
  readonly boms: readonly NamedBom[];
  /** Of bin/cloister.mjs. */
  readonly program: Bom;
};

/** SBOM/appliance.cdx.json: all of it, with the images' identities and the models that only this build knows. */
export function applianceBom(contents: ApplianceContents, epoch: number): Bom {
  const subject = ownComponent("cloister-appliance");
  const parts = [
    ...contents.boms.map((named) => ({ component: partComponent(named, contents.images), bom: named.bom })),
    { component: linked(contents.program), bom: contents.program },
  ];
  const models = contents.models.map(modelComponent);
  const top = [...parts.map((part) => part.component), ...models].map((component) => component["bom-ref"]);
  return writeBom(
    {
      subject,
      components: merge([
        ...parts.flatMap(({ component, bom }) => [component, ...bom.components]),
        ...models,
      ]),
      needs: mergeNeeds([
        [subject["bom-ref"], top],
        ...parts.flatMap(({ component, bom }) =>
          [...bom.needs].map(([from, to]): Need => [
            from === bom.subject["bom-ref"] ? refOf(component) : from,
            to,
          ]),
        ),
      ]),
      incomplete: [...new Set([...parts.flatMap(({ bom }) => bom.incomplete ?? []), ...models.map(refOf)])],
    },
    epoch,
  );
}

type Need = readonly [from: string, to: readonly string[]];

/** A package of the base layer has been asked for by one package in one image and by another in the next. */
function mergeNeeds(all: readonly Need[]): ReadonlyMap<string, readonly string[]> {
  const needs = new Map<string, readonly string[]>();
  for (const [from, to] of all) needs.set(from, [...(needs.get(from) ?? []), ...to]);
  return needs;
}

function refOf(component: Component): string {
  return component["bom-ref"];
}

function partComponent({ name, kind, bom }: NamedBom, images: readonly BuiltImage[]): Component {
  if (kind === "tools") return linked(bom);
  const image = images.find((built) => built.name === name);
  if (image === undefined) throw new Error(`No image was built for ${name}`);
  return container(image, bom);
}

function container(image: BuiltImage, bom: Bom): Component {
  const tag = image.reference.slice(image.reference.lastIndexOf(":") + 1);
  const reference = purl({
    type: "oci",
    name: image.name,
    version: image.manifest.digest,
    qualifiers: { arch: ARCHITECTURE, tag },
  });
  return {
    ...linked(bom),
    "bom-ref": reference,
    purl: reference,
    version: tag,
    hashes: sha256(image.manifest.digest),
    properties: properties({
      "config-digest": image.config.digest,
      ...Object.fromEntries(image.layers.map((layer, index) => [`diff-id-${index}`, layer.digest])),
    }),
  };
}

function linked(bom: Bom): Component {
  return { ...bom.subject, externalReferences: [{ type: "bom", url: bomLink(bom) }] };
}

/** Where a model came from and what licence it has is not in the file: its owner knows. */
function modelComponent(model: ModelFile): Component {
  const hex = hexOf(model.digest);
  return {
    type: "machine-learning-model",
    "bom-ref": `cloister:model@${hex}`,
    name: model.name === "" ? hex : model.name,
    version: hex,
    hashes: sha256(model.digest),
    modelCard: { modelParameters: { modelArchitecture: model.architecture } },
    properties: properties({ "size-bytes": String(model.sizeBytes), file: `models/${hex}.gguf` }),
  };
}

/** One entry a bom-ref: what is in the artefact in one place is not merely a helper in another. */
function merge(components: readonly Component[]): readonly Component[] {
  const merged = new Map<string, Component>();
  for (const component of components) {
    const known = merged.get(component["bom-ref"]);
    if (known === undefined || known["scope"] === "excluded") merged.set(component["bom-ref"], component);
  }
  return [...merged.values()];
}
