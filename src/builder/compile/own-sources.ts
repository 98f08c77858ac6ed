import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { byKey } from "../../shared/order.ts";
import type { CompileRecipe } from "../recipe/recipe.ts";

/** What goes into the compile from beside the recipe: the script, and the launcher's files sorted by name. */
export type OwnSources = {
  readonly script: Uint8Array;
  readonly launcher: readonly { readonly name: string; readonly bytes: Uint8Array }[];
};

/** Throws AppError COMPILE_INPUT_INVALID (usage) where one is missing, or the launcher's folder holds more than files. */
export async function readOwnSources(
  folder: string,
  { script, launcher }: Pick<CompileRecipe, "script" | "launcher">,
): Promise<OwnSources> {
  try {
    const entries = await readdir(join(folder, launcher), { withFileTypes: true });
    const strange = entries.find((entry) => !entry.isFile());
    if (strange !== undefined) throw invalid(join(folder, launcher, strange.name), "no regular file");
    const files = entries.map(async ({ name }) => ({
      name,
      bytes: await readFile(join(folder, launcher, name)),
    }));
    return {
      script: await readFile(join(folder, script)),
      launcher: (await Promise.all(files)).sort(byKey(({ name }) => name)),
    };
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) throw invalid(folder, String(error));
    throw error;
  }
}

function invalid(path: string, state: string): AppError {
  return new AppError(
    { class: "usage", code: "COMPILE_INPUT_INVALID" },
    `Cannot compile with "${path}": ${state}, expected the script and the folder of plain files that the recipe names`,
    { fields: { path } },
  );
}
