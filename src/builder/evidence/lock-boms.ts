import type { Recipe } from "../recipe/recipe.ts";
import type { Bom, Component } from "./bom.ts";
import { imageBom, toolsBom, type LockedLayer } from "./image-bom.ts";

export type NamedBom = { readonly name: string; readonly kind: "image" | "tools"; readonly bom: Bom };

/** The BOM of every image and set of tools that the locks make; a recipe without a configuration is only others' base. */
export function lockBoms(
  locked: readonly LockedLayer[],
  /** npm packages of which code is in the programs that the recipe asks for. */
  programParts: (recipe: Recipe) => readonly Component[],
): readonly NamedBom[] {
  return locked.flatMap((one): NamedBom[] => {
    const { name, kind, config } = one.recipe;
    if (kind === "tools") return [{ name, kind, bom: toolsBom(one, one.lock.epoch) }];
    if (config === undefined) return [];
    const layers = layersOf(one, locked);
    const epoch = Math.max(...layers.map(({ lock }) => lock.epoch));
    return [{ name, kind, bom: imageBom({ layers, parts: programParts(one.recipe) }, epoch) }];
  });
}

/** Lowest first. */
function layersOf(one: LockedLayer, locked: readonly LockedLayer[]): readonly LockedLayer[] {
  const base = locked.find(({ recipe }) => recipe.name === one.recipe.base);
  return base === undefined ? [one] : [...layersOf(base, locked), one];
}
