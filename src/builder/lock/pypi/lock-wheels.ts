/** From the wheels that a recipe wants to every file that will be installed, with its digest. */
import { AppError } from "../../../shared/errors.ts";
import { byKey } from "../../../shared/order.ts";
import { forEachBounded } from "../../../shared/pool.ts";
import { parseRelativePath } from "../../../shared/relative-path.ts";
import type { WheelsRecipe } from "../../recipe/recipe.ts";
import { lockIndexFile, type FileDeps } from "../lock-files.ts";
import type { LockedPackage, LockedWheel, LockedWheels } from "../lock.ts";
import { pypiPurl } from "../purl.ts";
import { readProjectPage } from "../registry/pypi.ts";
import { chooseWheel, type Pin } from "./choose-wheel.ts";
import { supportedTags } from "./tags.ts";
import type { Wish } from "./uv.ts";

export type WheelDeps = FileDeps & {
  /** Index pages at a time. */
  readonly jobs: number;
  /** Which version of which project. */
  resolveWheels(wish: Wish): Promise<readonly Pin[]>;
};

type Around = {
  /** The packages among which the interpreter is. */
  readonly packages: readonly LockedPackage[];
  readonly previous: LockedWheels | undefined;
};

/** Throws PYTHON_MISSING and WHEEL_UNKNOWN (usage), and what resolving and reading the index throw. */
export async function lockWheels(
  recipe: WheelsRecipe,
  { packages, previous }: Around,
  deps: WheelDeps,
): Promise<LockedWheels> {
  const omitted = [...(recipe.omit ?? [])].sort(byKey((one) => one.package));
  const python = pythonVersion(recipe, packages);
  const pins = await deps.resolveWheels({
    wanted: recipe.wanted,
    omit: omitted,
    python,
    previous: previous?.files ?? [],
  });
  deps.reporter.step(`Look up ${pins.length} wheels`);
  const index = await deps.mirrors.urlOf("pypi");
  const tags = supportedTags(Number(python.split(".")[1]));
  const files: LockedWheel[] = [];
  await forEachBounded(pins, deps.jobs, async (pin) => {
    const file = chooseWheel(pin, await readProjectPage(index, pin.project, deps), tags);
    const where = {
      purl: pypiPurl(pin.project, pin.version),
      path: parseRelativePath(`${pin.project}/${file.name}`),
    };
    files.push({ ...(await lockIndexFile(file, where, deps)), ...pin });
    deps.reporter.progress({ label: "Wheels", done: files.length, total: pins.length, unit: "items" });
  });
  return { python, files: files.sort(byKey(({ project }) => project)), omitted };
}

function pythonVersion({ python }: WheelsRecipe, packages: readonly LockedPackage[]): string {
  const version = packages.find(({ name }) => name === `${python}-minimal`)?.version;
  const [upstream] = /^3\.\d+\.\d+/.exec(version ?? "") ?? [];
  if (upstream !== undefined) return upstream;
  throw new AppError(
    { class: "usage", code: "PYTHON_MISSING" },
    `Cannot lock wheels for "${python}": ${version === undefined ? "it is not among the recipe's packages" : `its version is ${version}`}, expected the interpreter's package`,
    { hint: `Add ${python} to the recipe's packages`, fields: { package: python } },
  );
}
