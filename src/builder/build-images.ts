import { assembleRoot, type AssembledRoot } from "./assemble/assemble-root.ts";
import { checkElfClosure } from "./assemble/elf-closure.ts";
import { materialize } from "./assemble/materialize.ts";
import type { Tree } from "./assemble/tree.ts";
import type { BuildDeps, BuildInput } from "./build.ts";
import { compileImage } from "./compile/compile-image.ts";
import { buildImage, type BuiltImage } from "./image/build-image.ts";
import type { LockedRecipe } from "./lock/read.ts";
import { VERSION } from "../shared/version.ts";

type Root = {
  readonly assembled: AssembledRoot;
  /** Lowest first. */
  readonly trees: readonly Tree[];
  readonly epoch: number;
};

/** The images of all recipes that have a configuration; one without is the base of others. Bases stand first in `recipes`. */
export async function buildImages(
  recipes: readonly LockedRecipe[],
  options: Pick<BuildInput, "backends" | "ignoreCompiled">,
  deps: BuildDeps,
): Promise<readonly BuiltImage[]> {
  const roots = new Map<string, Root>();
  const images: BuiltImage[] = [];
  for (const locked of recipes.filter(({ recipe }) => recipe.kind === "image")) {
    const { name, recipe, lock } = locked;
    const below = recipe.base === undefined ? undefined : roots.get(recipe.base);
    const additions = await compileAdditions(locked, options, deps);
    const assembled = await assembleRoot(
      {
        packages: lock.packages,
        users: recipe.users ?? [],
        setuid: recipe.setuid ?? [],
        caBundle: recipe.caBundle ?? false,
        epoch: lock.epoch,
        ...(below === undefined ? {} : { below: below.assembled }),
        ...(additions === undefined ? {} : { additions }),
      },
      deps,
    );
    await checkElfClosure(assembled.root, deps);
    const trees = [...(below?.trees ?? []), assembled.layer];
    const epoch = Math.max(lock.epoch, below?.epoch ?? 0);
    roots.set(name, { assembled, trees, epoch });
    if (recipe.config === undefined) continue;
    const image = await buildImage(
      { name, version: VERSION, config: recipe.config, layers: trees, root: assembled.root, epoch },
      deps,
    );
    images.push(image);
  }
  return images;
}

async function compileAdditions(
  { folder, recipe, lock }: LockedRecipe,
  options: Pick<BuildInput, "backends" | "ignoreCompiled">,
  deps: BuildDeps,
): Promise<Tree | undefined> {
  if (recipe.compile === undefined || lock.compile === undefined) return undefined;
  const { tree } = await compileImage(
    {
      compile: recipe.compile,
      folder,
      lock: lock.compile,
      epoch: lock.epoch,
      backends: options.backends,
      ignoreCache: options.ignoreCompiled,
    },
    {
      ...deps,
      assembleRoot: async (packages) =>
        (await assembleRoot({ packages, users: [], setuid: [], caBundle: false, epoch: lock.epoch }, deps))
          .root,
      materialize: (tree, target) => materialize(tree, target, deps),
    },
  );
  return tree;
}
