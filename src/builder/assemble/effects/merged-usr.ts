import { parseRelativePath } from "../../../shared/relative-path.ts";
import { ALIASES, CONSTANT_ALIASES } from "../merged-usr.ts";
import type { NewNode } from "../new-node.ts";
import type { RootBuilder } from "../root-builder.ts";

/** What the preinst of libc6 makes and that of usr-is-merged demands: /bin and the like as links into /usr. */
export function mergedUsrLinks(builder: RootBuilder): readonly NewNode[] {
  return ALIASES.flatMap((alias): NewNode[] => {
    const real = parseRelativePath(`usr/${alias}`);
    const isThere = builder.get(real) !== undefined;
    if (builder.get(parseRelativePath(alias)) !== undefined) return [];
    if (!isThere && !CONSTANT_ALIASES.includes(alias)) return [];
    const link: NewNode = { kind: "symlink", path: alias, target: real };
    return isThere ? [link] : [link, { kind: "directory", path: real }];
  });
}
