/** Where the parts of a wheel come to lie below a destination, as in a virtual environment (sysconfig, scheme "venv"). */
import { joinRelative, parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";
import type { WheelsRecipe } from "../recipe/recipe.ts";
import { malformedWheel } from "./malformed.ts";

export type Layout = {
  /** What runs the programs; absolute in the image. */
  readonly interpreter: string;
  /** Below the destination, as the others. */
  readonly site: RelativePath;
  readonly programs: RelativePath;
  readonly headers: RelativePath;
};

export function layoutOf({ python }: Pick<WheelsRecipe, "python">): Layout {
  return {
    interpreter: `/usr/bin/${python}`,
    site: parseRelativePath(`lib/${python}/site-packages`),
    programs: parseRelativePath("bin"),
    headers: parseRelativePath(`include/site/${python}`),
  };
}

/** Of a file of the wheel. `project` names the folder of its headers. Throws WHEEL_MALFORMED (integrity) for an unknown part of .data. */
export function placeOf(
  path: RelativePath,
  wheel: { readonly data: string; readonly project: string; readonly name: string },
  layout: Layout,
): RelativePath {
  const [top, part = "", ...rest] = path.split("/");
  if (top !== wheel.data) return joinRelative(layout.site, path);
  const below = rest.join("/");
  switch (part) {
    case "purelib":
    case "platlib":
      return joinRelative(layout.site, below);
    case "scripts":
      return joinRelative(layout.programs, below);
    case "headers":
      return joinRelative(layout.headers, `${wheel.project}/${below}`);
    case "data":
      return parseRelativePath(below);
    default:
      throw malformedWheel(wheel.name, `its "${path}" belongs to no part that an installation has`);
  }
}
