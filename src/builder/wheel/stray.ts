import { AppError } from "../../shared/errors.ts";
import { parentOf, type RelativePath } from "../../shared/relative-path.ts";
import type { InstalledFile } from "./spread-wheel.ts";

/** A module, its type stub, or a compiled one. Not .pth: each of its lines that begins with import runs at every start. */
const MODULE = /\.(?:py|pyi|so)$/;

/** Throws WHEEL_STRAY_FILE (integrity) for files that lie beside the packages and are no modules. */
export function refuseStray(files: readonly InstalledFile[], site: RelativePath): void {
  const stray = files.filter(({ path }) => parentOf(path) === site && !MODULE.test(path));
  if (stray.length === 0) return;
  const shown = stray.map(({ path, owner }) => `"${path}" of "${owner}"`);
  throw new AppError(
    { class: "integrity", code: "WHEEL_STRAY_FILE" },
    `Cannot install what belongs to no package: ${shown.slice(0, 8).join(", ")}, expected modules and packages only`,
    { hint: "Trim it in the recipe, with the reason", fields: { paths: stray.map(({ path }) => path) } },
  );
}
