import { AppError } from "../../shared/errors.ts";
import { parseRelativePath } from "../../shared/relative-path.ts";
import { mergedPath } from "./merged-usr.ts";
import type { RootBuilder } from "./root-builder.ts";

const SETUID_OR_SETGID = 0o6000;

/**
 * Files of this layer with setuid or setgid must be listed. A folder's setgid passes on a group and raises nobody's rights.
 * Throws AppError SETUID_UNLISTED (integrity) naming all.
 */
export function refuseSetuid(builder: RootBuilder, listed: readonly string[]): void {
  const allowed = new Set<string>(
    listed.map((path) => mergedPath(parseRelativePath(path.replace(/^\//, "")))),
  );
  const refused = [...builder.entries()]
    .filter(
      ({ owner, kind, mode }) => owner !== undefined && kind === "file" && (mode & SETUID_OR_SETGID) !== 0,
    )
    .filter(({ path }) => !allowed.has(path))
    .map(({ path, mode, owner }) => `/${path} (${mode.toString(8)}, of ${owner})`)
    .sort();
  if (refused.length === 0) return;
  throw new AppError(
    { class: "integrity", code: "SETUID_UNLISTED" },
    `Cannot assemble the root: ${refused.join(", ")} would run with rights of its owner, expected only what the recipe lists`,
    {
      hint: "List the path under setuid in the recipe, or leave the package out",
      fields: { paths: refused },
    },
  );
}
