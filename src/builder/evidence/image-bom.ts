import { REFERENCE_PREFIX } from "../format.ts";
import type { Lock, LockedPackage, LockedWheel } from "../lock/lock.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { VERSION } from "../../shared/version.ts";
import { writeBom, type Bom, type Component } from "./bom.ts";
import {
  npmFileComponent,
  ownComponent,
  packageComponent,
  sourceComponent,
  wheelComponent,
} from "./components.ts";

export type LockedLayer = { readonly recipe: Recipe; readonly lock: Lock };

export type ImageParts = {
  /** Lowest first. */
  readonly layers: readonly LockedLayer[];
  /** What our own programs in the top layer were bundled from. */
  readonly parts: readonly Component[];
};

/**
 * SBOM/<image>.cdx.json, from the locks alone: every package and wheel of every layer, the source that was compiled, and, as excluded, the
 * packages that compiled it. Licences stand only where a lock or a recipe names one.
 */
export function imageBom({ layers, parts }: ImageParts, epoch: number): Bom {
  const top = layers.at(-1);
  if (top === undefined) throw new Error("An image has a layer");
  const name = top.recipe.name;
  const subject: Component = {
    type: "container",
    "bom-ref": `${REFERENCE_PREFIX}/${name}:${VERSION}`,
    name: `${REFERENCE_PREFIX}/${name}`,
    version: VERSION,
    description: top.recipe.summary,
  };
  const packages = layers.flatMap(({ lock }) => lock.packages);
  const inside = new Set(packages.map((locked) => locked.purl));
  const compiles = layers.flatMap(({ lock }) => lock.compile ?? []);
  const compilers = compiles.flatMap((compile) => compile.packages).filter(({ purl }) => !inside.has(purl));
  const sources = compiles.map((compile) => sourceComponent(compile.source));
  const launcher = compiles.length === 0 ? [] : [ownComponent("cloister-launcher")];
  const program = top.recipe.programs === undefined ? [] : [ownComponent(`cloister-${name}`)];
  const own = [...launcher, ...program];
  const npm = layers.flatMap(({ lock }) => lock.npm ?? []).map(npmFileComponent);
  const wheels = layers.flatMap(({ lock }) => lock.wheels?.files ?? []);
  const licences = licencesOf(layers);
  const built = [...sources, ...own, ...npm].map(refOf);
  const asked = [...packages, ...wheels]
    .filter((locked) => locked.because === undefined)
    .map((locked) => locked.purl);
  return writeBom(
    {
      subject,
      components: [
        ...packages.map((locked) => packageComponent(locked, "required")),
        ...distinct(compilers).map((locked) => packageComponent(locked, "excluded")),
        ...sources,
        ...own,
        ...npm,
        ...wheels.map((locked) => wheelComponent(locked, licences.get(locked.project))),
        ...parts,
      ],
      needs: new Map([
        [subject["bom-ref"], [...asked, ...built]],
        ...program.map((component) => [refOf(component), parts.map(refOf)] as const),
        ...edges(packages, ({ name }) => name),
        ...edges(wheels, ({ project }) => project),
      ]),
      incomplete: [...sources, ...parts].map(refOf),
    },
    epoch,
  );
}

function refOf(component: Component): string {
  return component["bom-ref"];
}

/** SBOM/tools.cdx.json: what bin/ is taken out of. Of a package only single files are carried. */
export function toolsBom({ recipe, lock }: LockedLayer, epoch: number): Bom {
  const subject = ownComponent("tools");
  const from = new Set((recipe.tools ?? []).map((tool) => tool.from));
  const components = [
    ...lock.packages.map((locked) =>
      packageComponent(locked, from.has(locked.name) ? "required" : "excluded"),
    ),
    ...(lock.npm ?? []).map(npmFileComponent),
  ];
  const carried = components.filter((component) => component["scope"] === "required");
  const needs = new Map([[subject["bom-ref"], carried.map((component) => component["bom-ref"])]]);
  return writeBom({ subject, components, needs }, epoch);
}

/** From the one that asked first to the one that it asked for. */
function edges<T extends LockedPackage | LockedWheel>(
  all: readonly T[],
  nameOf: (locked: T) => string,
): ReadonlyMap<string, readonly string[]> {
  const byName = new Map(all.map((locked) => [nameOf(locked), locked.purl]));
  const needs = new Map<string, string[]>();
  for (const locked of all) {
    const asker = locked.because === undefined ? undefined : byName.get(locked.because);
    if (asker !== undefined) needs.set(asker, [...(needs.get(asker) ?? []), locked.purl]);
  }
  return needs;
}

function licencesOf(layers: readonly LockedLayer[]): ReadonlyMap<string, string> {
  const wanted = layers.flatMap(({ recipe }) => recipe.wheels?.wanted ?? []);
  return new Map(wanted.map(({ project, licence }) => [project, licence]));
}

function distinct(packages: readonly LockedPackage[]): readonly LockedPackage[] {
  return [...new Map(packages.map((locked) => [locked.purl, locked])).values()];
}
