import { assembleRoot, type AssembledRoot } from "./assemble/assemble-root.ts";
import { checkElfClosure } from "./assemble/elf-closure.ts";
import { materialize } from "./assemble/materialize.ts";
import { takeFile } from "./appliance/tools.ts";
import type { Tree, TreeNode } from "./assemble/tree.ts";
import { unpackDeb } from "./assemble/unpack-deb.ts";
import type { BuildDeps, BuildInput } from "./build.ts";
import type { BundledProgram } from "./bundle.ts";
import { compileImage } from "./compile/compile-image.ts";
import { buildImage, type BuiltImage } from "./image/build-image.ts";
import type { LockedRecipe } from "./lock/read.ts";
import { parseRelativePath } from "../shared/relative-path.ts";
import type { StoredBlob } from "../shared/store/store.ts";
import { VERSION } from "../shared/version.ts";
import { pythonLayer } from "./python-layer.ts";
import { FILE_MODE, PROGRAM_MODE } from "./format.ts";

type Root = {
  readonly assembled: AssembledRoot;
  /** Lowest first. */
  readonly trees: readonly Tree[];
  readonly epoch: number;
};

export type ImageOptions = Pick<BuildInput, "backends" | "ignoreCompiled"> & {
  /** By their entries. */
  readonly programs: ReadonlyMap<string, BundledProgram>;
};

/** The images of all recipes that have a configuration; one without is the base of others. Bases stand first in `recipes`. */
export async function buildImages(
  recipes: readonly LockedRecipe[],
  options: ImageOptions,
  deps: BuildDeps,
): Promise<readonly BuiltImage[]> {
  const roots = new Map<string, Root>();
  const images: BuiltImage[] = [];
  for (const locked of recipes.filter(({ recipe }) => recipe.kind === "image")) {
    const { name, recipe, lock } = locked;
    const below = recipe.base === undefined ? undefined : roots.get(recipe.base);
    const additions = [
      ...(await compiledFiles(locked, options, deps)),
      ...(await takenFiles(locked, deps)),
      ...(await programFiles(locked, options, deps)),
      ...(await pythonLayer(locked, { below: below?.assembled, ...options }, deps)),
    ];
    const assembled = await assembleRoot(
      {
        packages: lock.packages,
        users: recipe.users ?? [],
        setuid: recipe.setuid ?? [],
        caBundle: recipe.caBundle ?? false,
        drop: (recipe.drop ?? []).map(({ file }) => file),
        epoch: lock.epoch,
        ...(below === undefined ? {} : { below: below.assembled }),
        additions,
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

/** Single files out of the recipe's npm packages. */
async function takenFiles({ recipe, lock }: LockedRecipe, deps: BuildDeps): Promise<Tree> {
  const nodes: TreeNode[] = [];
  for (const file of recipe.files ?? []) {
    const { to, ...wanted } = file;
    const blob = await takeFile(wanted, lock, { ...deps, unpackDeb: (deb) => unpackDeb(deb, deps) });
    nodes.push(fileNode(to, blob, lock.epoch));
  }
  return nodes;
}

async function programFiles(
  { recipe, lock }: LockedRecipe,
  { programs }: ImageOptions,
  { store }: BuildDeps,
): Promise<Tree> {
  const nodes: TreeNode[] = [];
  for (const { entry, to } of recipe.programs ?? []) {
    const program = programs.get(entry);
    if (program === undefined) throw new Error(`Nothing was bundled from ${entry}`);
    nodes.push(fileNode(to, await store.add([Buffer.from(program.code)]), lock.epoch));
  }
  return nodes;
}

function fileNode(to: string, { digest, sizeBytes }: StoredBlob, epoch: number): TreeNode {
  const path = parseRelativePath(to.replace(/^\//, ""));
  const mode = path.split("/").includes("bin") ? PROGRAM_MODE : FILE_MODE;
  return {
    kind: "file",
    path,
    mode,
    uid: 0,
    gid: 0,
    mtime: epoch,
    content: { blob: digest, offset: 0, sizeBytes },
  };
}

async function compiledFiles(
  { folder, recipe, lock }: LockedRecipe,
  options: ImageOptions,
  deps: BuildDeps,
): Promise<Tree> {
  if (recipe.compile === undefined || lock.compile === undefined) return [];
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
