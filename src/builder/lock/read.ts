/** The recipes and locks of images/: a folder an image, with recipe.yaml and lock.json in it. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { compareCodeUnits } from "../../shared/order.ts";
import { parseRecipe, recipeDigest, type Recipe } from "../recipe/recipe.ts";
import { environmentOf, parseSwitches } from "../recipe/switches.ts";
import { lockDigest, parseLock, type Lock } from "./lock.ts";

export type RecipeFolder = {
  /** The folder's and the recipe's, which are the same. */
  readonly name: string;
  readonly folder: string;
  readonly recipe: Recipe;
};
export type LockedRecipe = RecipeFolder & { readonly lock: Lock };

/** The recipes that an appliance is made of: all but drafts. Throws what `readAllRecipes` throws, and RECIPE_INVALID for one on a draft. */
export async function readRecipes(imagesFolder: string): Promise<readonly RecipeFolder[]> {
  const all = await readAllRecipes(imagesFolder);
  const drafts = new Set(all.flatMap(({ name, recipe }) => (recipe.draft === true ? [name] : [])));
  const carried = all.filter(({ name }) => !drafts.has(name));
  for (const { name, recipe } of carried)
    if (recipe.base !== undefined && drafts.has(recipe.base)) throw onDraft(name, recipe.base);
  return carried;
}

/**
 * Every folder with a recipe, sorted by name, each after the base that it stands on. Throws AppError of class usage:
 * RECIPE_INVALID, SWITCHES_INVALID, RECIPE_UNKNOWN for a base that does not exist.
 */
export async function readAllRecipes(imagesFolder: string): Promise<readonly RecipeFolder[]> {
  const names = (await readdir(imagesFolder)).sort(compareCodeUnits);
  const folders = await Promise.all(names.map((name) => readRecipeFolder(imagesFolder, name)));
  return basesFirst(folders.flatMap((one) => one ?? []));
}

/** Throws AppError RECIPE_UNKNOWN (usage) for a name that no recipe has. */
export function chooseRecipes(
  recipes: readonly RecipeFolder[],
  names: readonly string[],
): readonly RecipeFolder[] {
  for (const name of names) {
    if (!recipes.some((one) => one.name === name)) throw unknownRecipe(name, recipes);
  }
  return names.length === 0 ? recipes : recipes.filter(({ name }) => names.includes(name));
}

/**
 * A recipe with its lock. Throws LOCK_MISSING (usage), LOCK_INVALID (integrity), and LOCK_DRIFT (integrity) where the recipe, or the
 * base's lock, is no longer what the lock was made from.
 */
export async function readLock(imagesFolder: string, name: string): Promise<LockedRecipe> {
  const found = await readRecipeFolder(imagesFolder, name);
  if (found === undefined) throw unknownRecipe(name, await readAllRecipes(imagesFolder));
  const lock = await readLockFile(found);
  if (lock === undefined) {
    throw new AppError(
      { class: "usage", code: "LOCK_MISSING" },
      `Cannot use recipe "${name}": it has no lock.json`,
      { hint: `Run cloister lock ${name}`, fields: { path: lockPath(found) } },
    );
  }
  refuseDrift(found, { part: "recipe", expected: lock.recipe, received: recipeDigest(found.recipe) });
  if (found.recipe.base !== undefined) {
    const base = await readLock(imagesFolder, found.recipe.base);
    refuseDrift(found, {
      part: `lock of "${base.name}"`,
      expected: lock.base ?? "none",
      received: lockDigest(base.lock),
    });
  }
  return { ...found, lock };
}

/** undefined where there is none. */
export async function readLockFile(image: RecipeFolder): Promise<Lock | undefined> {
  const path = lockPath(image);
  const text = await readTextIfThere(path);
  return text === undefined ? undefined : parseLock(text, path);
}

export function lockPath(image: RecipeFolder): string {
  return join(image.folder, "lock.json");
}

function refuseDrift(
  image: RecipeFolder,
  drift: { readonly part: string; readonly expected: string; readonly received: string },
): void {
  if (drift.expected === drift.received) return;
  throw new AppError(
    { class: "integrity", code: "LOCK_DRIFT" },
    `Cannot use lock "${lockPath(image)}": the ${drift.part} is ${drift.received}, expected ${drift.expected}`,
    {
      hint: `Run cloister lock ${image.name}`,
      fields: { path: lockPath(image), expected: drift.expected, received: drift.received },
    },
  );
}

async function readRecipeFolder(imagesFolder: string, name: string): Promise<RecipeFolder | undefined> {
  const folder = join(imagesFolder, name);
  const path = join(folder, "recipe.yaml");
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  const recipe = parseRecipe(text, path);
  if (recipe.name !== name) {
    throw new AppError(
      { class: "usage", code: "RECIPE_INVALID" },
      `Cannot use recipe "${path}": its name is "${recipe.name}", expected its folder's, "${name}"`,
      { fields: { path } },
    );
  }
  return { name, folder, recipe: await withSwitches(recipe, folder) };
}

/** Throws RECIPE_INVALID for a variable that recipe and switches both set, as if there were two truths. */
async function withSwitches(recipe: Recipe, folder: string): Promise<Recipe> {
  const { config } = recipe;
  if (config?.switches === undefined) return recipe;
  const path = join(folder, config.switches);
  const text = await readTextIfThere(path);
  if (text === undefined) throw twoTruths(path, "the recipe names it and it is not there");
  const switches = parseSwitches(text, path);
  const declared = new Set(switches.variables.map(({ name }) => name));
  const both = config.env
    .map((line) => line.slice(0, line.indexOf("=")))
    .filter((name) => declared.has(name));
  if (both.length > 0) throw twoTruths(path, `the recipe sets ${both.join(", ")} as well`);
  return { ...recipe, config: { ...config, env: [...config.env, ...environmentOf(switches)] } };
}

async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

function basesFirst(folders: readonly RecipeFolder[]): readonly RecipeFolder[] {
  const sorted = new Set<RecipeFolder>();
  const place = (one: RecipeFolder, above: readonly string[]): void => {
    const { base } = one.recipe;
    if (above.includes(one.name)) throw circular([...above, one.name]);
    if (base !== undefined) {
      const found = folders.find(({ name }) => name === base);
      if (found === undefined) throw unknownRecipe(base, folders);
      place(found, [...above, one.name]);
    }
    sorted.add(one);
  };
  for (const one of folders) place(one, []);
  return [...sorted];
}

function twoTruths(path: string, why: string): AppError {
  return new AppError(
    { class: "usage", code: "RECIPE_INVALID" },
    `Cannot use switches "${path}": ${why}, expected one file that says each variable`,
    { fields: { path } },
  );
}

function onDraft(name: string, base: string): AppError {
  return new AppError(
    { class: "usage", code: "RECIPE_INVALID" },
    `Cannot use recipe "${name}": its base "${base}" is a draft, expected one that is built`,
  );
}

function circular(chain: readonly string[]): AppError {
  return new AppError(
    { class: "usage", code: "RECIPE_INVALID" },
    `Cannot use the recipes: "${chain.join('" stands on "')}", expected a base that stands on nothing above it`,
  );
}

function unknownRecipe(name: string, recipes: readonly RecipeFolder[]): AppError {
  return new AppError(
    { class: "usage", code: "RECIPE_UNKNOWN" },
    `Cannot find recipe "${name}": there are ${recipes.map((one) => `"${one.name}"`).join(", ")}`,
  );
}
