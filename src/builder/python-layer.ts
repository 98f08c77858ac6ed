import { assembleRoot, type AssembledRoot } from "./assemble/assemble-root.ts";
import { materialize } from "./assemble/materialize.ts";
import type { Tree } from "./assemble/tree.ts";
import type { BuildDeps } from "./build.ts";
import { compileBytecode, type BytecodeFile } from "./compile/compile-bytecode.ts";
import type { LockedRecipe } from "./lock/read.ts";
import type { WheelsRecipe } from "./recipe/recipe.ts";
import { parseRelativePath, type RelativePath } from "../shared/relative-path.ts";
import { byKey } from "../shared/order.ts";
import { FILE_MODE } from "./format.ts";
import { installWheels } from "./wheel/install-wheels.ts";
import { installedTree } from "./wheel/installed-tree.ts";
import { layoutOf } from "./wheel/layout.ts";

export type PythonOptions = {
  readonly below: AssembledRoot | undefined;
  readonly ignoreCompiled: boolean;
};

/** The wheels, installed, and bytecode for them and for the standard library. */
export async function pythonLayer(
  { recipe, lock }: LockedRecipe,
  { below, ignoreCompiled }: PythonOptions,
  deps: BuildDeps,
): Promise<Tree> {
  if (recipe.wheels === undefined || lock.wheels === undefined) return [];
  const { destination, python } = recipe.wheels;
  deps.reporter.step(`Install ${lock.wheels.files.length} wheels`);
  const installation = await installWheels(lock.wheels.files, recipe.wheels, deps);
  const { site } = layoutOf(recipe.wheels);
  const place = { destination, site, epoch: lock.epoch };
  const { root } = await assembleRoot(
    {
      packages: lock.packages,
      users: [],
      setuid: recipe.setuid ?? [],
      caBundle: recipe.caBundle ?? false,
      drop: (recipe.drop ?? []).map(({ file }) => file),
      epoch: lock.epoch,
      ...(below === undefined ? {} : { below }),
      additions: await installedTree(installation, [], { place, store: deps.store }),
    },
    deps,
  );
  const folders = [
    parseRelativePath(`usr/lib/${python}`),
    parseRelativePath(`${folderOf(recipe.wheels)}/${site}`),
  ];
  const bytecode = await compileBytecode(
    { root, python, folders, ignoreCache: ignoreCompiled },
    { ...deps, materialize: (tree, target) => materialize(tree, target, deps) },
  );
  const { wheels, standard } = divide(bytecode, folderOf(recipe.wheels));
  const installed = await installedTree(installation, wheels, { place, store: deps.store });
  return [...installed, ...standard.map((file) => standardNode(file, lock.epoch))].sort(
    byKey(({ path }) => path),
  );
}

function folderOf({ destination }: WheelsRecipe): string {
  return destination.replace(/^\//, "");
}

/** What was made from wheels, by paths below their destination, and the rest. */
function divide(files: readonly BytecodeFile[], folder: string) {
  const isBelow = ({ path }: BytecodeFile) => path.startsWith(`${folder}/`);
  const relative = (path: RelativePath) => parseRelativePath(path.slice(folder.length + 1));
  return {
    wheels: files
      .filter(isBelow)
      .map((file) => ({ ...file, path: relative(file.path), from: relative(file.from) })),
    standard: files.filter((file) => !isBelow(file)),
  };
}

function standardNode({ path, content }: BytecodeFile, epoch: number): Tree[number] {
  return { kind: "file", path, mode: FILE_MODE, uid: 0, gid: 0, mtime: epoch, content };
}
