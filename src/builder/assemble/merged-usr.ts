/** Merged /usr (Debian's UsrMerge): /bin and the like are links, and what packages hold below them lies below /usr. */
import { parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";

export const ALIASES = ["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"] as const;

/** There in every root; the others where a package has something in them, as libc6's preinst has it. */
export const CONSTANT_ALIASES: readonly string[] = ["bin", "lib", "sbin"];

/** Where a member of a package lies in the root. */
export function mergedPath(path: RelativePath): RelativePath {
  const [first = ""] = path.split("/", 1);
  return isAlias(first) ? parseRelativePath(`usr/${path}`) : path;
}

/** Whether a package's symlink at `path` is one of the links that the root has anyway. */
export function isAliasLink(path: RelativePath, target: string): boolean {
  return isAlias(path) && (target === `usr/${path}` || target === `/usr/${path}`);
}

function isAlias(name: string): boolean {
  return ALIASES.some((alias) => alias === name);
}
