import type { Digest } from "../../shared/digest.ts";
import type { DebMember } from "./deb/members.ts";
import { isAliasLink, mergedPath } from "./merged-usr.ts";
import { placeEntry, type PlaceDeps } from "./place-entry.ts";
import type { OwnedEntry, RootBuilder } from "./root-builder.ts";
import type { Content } from "./tree.ts";

export type PlacedPackage = {
  readonly name: string;
  readonly dataTar: Digest;
  readonly members: readonly DebMember[];
};

/** A package's members where they lie in a merged /usr. Throws what `placeEntry` throws. */
export async function placePackage(pkg: PlacedPackage, builder: RootBuilder, deps: PlaceDeps): Promise<void> {
  for (const entry of entriesOf(pkg)) await placeEntry(entry, builder, deps);
}

function entriesOf(pkg: PlacedPackage): readonly OwnedEntry[] {
  const contents = contentsOf(pkg);
  const linked = new Set(
    pkg.members.flatMap((one) => (one.kind === "hardlink" ? [contents.get(one.path)] : [])),
  );
  return pkg.members.flatMap((member): OwnedEntry[] => {
    const { kind, path, mode, uid, gid, mtime, linkTarget } = member;
    const metadata = { path: mergedPath(path), mode, uid, gid, mtime, owner: pkg.name };
    switch (kind) {
      case "directory":
        return [{ ...metadata, kind }];
      case "symlink":
        return isAliasLink(path, linkTarget) ? [] : [{ ...metadata, kind, mode: 0o777, target: linkTarget }];
      case "file":
      case "hardlink": {
        const content = contents.get(path);
        if (content === undefined) throw new Error(`No content for "${path}"`);
        const group = linked.has(content) ? { group: `${pkg.name}\0${content.offset}` } : {};
        return [{ ...metadata, kind: "file", content, ...group }];
      }
    }
  });
}

/** By path; names of one file have the very same object. */
function contentsOf({ dataTar, members }: PlacedPackage): ReadonlyMap<string, Content> {
  const contents = new Map<string, Content>();
  for (const { kind, path, offset, sizeBytes, linkTarget } of members) {
    if (kind === "file") contents.set(path, { blob: dataTar, offset, sizeBytes });
    const target = kind === "hardlink" ? contents.get(linkTarget) : undefined;
    if (target !== undefined) contents.set(path, target);
  }
  return contents;
}
