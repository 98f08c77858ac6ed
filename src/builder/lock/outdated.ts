/** Which locks are not what their recipes mean today. */
import { AppError } from "../../shared/errors.ts";
import type { Lock } from "./lock.ts";
import { makeLock, type LockDeps } from "./make-lock.ts";
import { lockPath, readLockFile, type RecipeFolder } from "./read.ts";
import { lockDifferences } from "./stale.ts";

export type Outdated = {
  readonly image: RecipeFolder;
  /** What it should be. */
  readonly lock: Lock;
  readonly differences: readonly string[];
};

/**
 * Looks at the chosen recipes, bases first, and writes nothing. A lock that cannot be read counts as none. Throws LOCK_MISSING (usage)
 * where a base is neither chosen nor locked, and what makeLock throws.
 */
export async function outdatedLocks(
  chosen: readonly RecipeFolder[],
  recipes: readonly RecipeFolder[],
  deps: LockDeps,
): Promise<readonly Outdated[]> {
  const made = new Map<string, Lock>();
  const outdated: Outdated[] = [];
  for (const image of chosen) {
    deps.reporter.step(`Lock ${image.name}`);
    const base = await baseLock(image, { made, recipes });
    const previous = await previousLock(image);
    const lock = await makeLock(
      {
        recipe: image.recipe,
        ...(base === undefined ? {} : { base }),
        ...(previous === undefined ? {} : { previous }),
      },
      deps,
    );
    made.set(image.name, lock);
    const differences = lockDifferences(previous, lock);
    if (differences.length > 0) outdated.push({ image, lock, differences });
  }
  return outdated;
}

async function baseLock(
  image: RecipeFolder,
  known: { readonly made: ReadonlyMap<string, Lock>; readonly recipes: readonly RecipeFolder[] },
): Promise<Lock | undefined> {
  const name = image.recipe.base;
  if (name === undefined) return undefined;
  const folder = known.recipes.find((one) => one.name === name);
  const lock = known.made.get(name) ?? (folder === undefined ? undefined : await readLockFile(folder));
  if (lock !== undefined) return lock;
  throw new AppError(
    { class: "usage", code: "LOCK_MISSING" },
    `Cannot lock "${image.name}": its base "${name}" has no lock`,
    {
      hint: `Run cloister lock ${name} ${image.name}`,
      fields: { path: folder === undefined ? name : lockPath(folder) },
    },
  );
}

async function previousLock(image: RecipeFolder): Promise<Lock | undefined> {
  try {
    return await readLockFile(image);
  } catch (error) {
    if (error instanceof AppError && error.code === "LOCK_INVALID") return undefined;
    throw error;
  }
}
