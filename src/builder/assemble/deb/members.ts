import { AppError } from "../../../shared/errors.ts";
import { parentOf, parseMemberPath, type RelativePath } from "../../../shared/relative-path.ts";
import type { TarKind } from "../../../shared/tar/header.ts";
import type { IndexedMember } from "../../../shared/tar/index-tar.ts";

/** A member of a data.tar whose path cannot leave the root and which is nothing but a file, a folder or a link. */
export type DebMember = Omit<IndexedMember, "path" | "kind"> & {
  readonly path: RelativePath;
  readonly kind: TarKind;
};

/**
 * In the archive's order, paths without "./" and trailing slash, without the root itself; a hard link's target likewise.
 * Throws AppError of class integrity: PATH_ABSOLUTE, PATH_UNSAFE (with ".." and the like), MEMBER_DEVICE, MEMBER_FIFO,
 * MEMBER_DUPLICATE, MEMBER_BELOW_LINK, LINK_OUTSIDE, LINK_MISSING, TAR_MALFORMED.
 */
export function checkMembers(indexed: readonly IndexedMember[], name: string): readonly DebMember[] {
  const seen = new Map<RelativePath, DebMember>();
  for (const member of indexed) {
    const kind = checkKind(member, name);
    const path = checkPath(member, name);
    if (path === undefined) continue;
    if (seen.has(path)) throw refuse("MEMBER_DUPLICATE", member, `"${name}" holds it twice`);
    const linkTarget = kind === "hardlink" ? checkHardLink(member, { seen, name }) : member.linkTarget;
    if (kind === "symlink" && (linkTarget === "" || /[\0\n]/.test(linkTarget)))
      throw refuse("TAR_MALFORMED", member, "its target is empty or holds a NUL or a newline");
    seen.set(path, { ...member, path, kind, linkTarget });
  }
  for (const member of seen.values()) checkParents(member, seen);
  return [...seen.values()];
}

function checkKind(member: IndexedMember, name: string): TarKind {
  switch (member.kind) {
    case "character device":
    case "block device":
      throw refuse("MEMBER_DEVICE", member, `it is a ${member.kind} in "${name}"`);
    case "fifo":
      throw refuse("MEMBER_FIFO", member, `it is a fifo in "${name}"`);
    case "file":
    case "directory":
    case "symlink":
    case "hardlink":
      return member.kind;
  }
}

/** undefined for the root itself. */
function checkPath(member: IndexedMember, name: string): RelativePath | undefined {
  if (member.path.startsWith("/"))
    throw refuse("PATH_ABSOLUTE", member, `"${name}" holds it with an absolute path`);
  return parseMemberPath(member.path);
}

function checkHardLink(
  member: IndexedMember,
  { seen, name }: { readonly seen: ReadonlyMap<RelativePath, DebMember>; readonly name: string },
): RelativePath {
  const target = insidePath(member.linkTarget);
  if (target === undefined)
    throw refuse("LINK_OUTSIDE", member, `it is a hard link to "${member.linkTarget}", outside "${name}"`);
  const kind = seen.get(target)?.kind;
  if (kind !== "file" && kind !== "hardlink")
    throw refuse("LINK_MISSING", member, `it is a hard link to "${target}", no file before it in "${name}"`);
  return target;
}

function insidePath(text: string): RelativePath | undefined {
  if (text.startsWith("/")) return undefined;
  try {
    return parseMemberPath(text);
  } catch (error) {
    if (error instanceof AppError && error.code === "PATH_UNSAFE") return undefined;
    throw error;
  }
}

/** Parents may be missing, never be anything but folders: otherwise a member would be written through a link. */
function checkParents(member: DebMember, seen: ReadonlyMap<RelativePath, DebMember>): void {
  for (let path = parentOf(member.path); path !== undefined; path = parentOf(path)) {
    const parent = seen.get(path);
    if (parent !== undefined && parent.kind !== "directory")
      throw refuse("MEMBER_BELOW_LINK", member, `its parent "${path}" is a ${parent.kind}`);
  }
}

type RefusalCode =
  | "PATH_ABSOLUTE"
  | "MEMBER_DEVICE"
  | "MEMBER_FIFO"
  | "MEMBER_DUPLICATE"
  | "MEMBER_BELOW_LINK"
  | "LINK_OUTSIDE"
  | "LINK_MISSING"
  | "TAR_MALFORMED";

function refuse(code: RefusalCode, member: IndexedMember | DebMember, why: string): AppError {
  return new AppError({ class: "integrity", code }, `Cannot unpack member "${member.path}": ${why}`, {
    fields: { path: member.path },
  });
}
