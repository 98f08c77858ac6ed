import { ARCHITECTURE } from "../format.ts";
import { fieldOf, type Stanza } from "../lock/debian/control.ts";
import { parseRelations, versionMeets } from "../lock/debian/relations.ts";
import type { ContentReader } from "./contents.ts";
import { fileConflict } from "./file-conflict.ts";
import type { Entry, FileEntry, OwnedEntry, RootBuilder } from "./root-builder.ts";

export type PlaceDeps = {
  /** The packages of this layer by name. */
  readonly peers: ReadonlyMap<string, { readonly version: string; readonly control: Stanza }>;
  readonly contents: ContentReader;
};

/**
 * Folders merge; anything else that two bring must be the same, or one of them replaces the other (deb-control(5), Replaces).
 * Which of the two comes first makes no difference. Throws AppError FILE_CONFLICT (integrity).
 */
export async function placeEntry(entry: OwnedEntry, builder: RootBuilder, deps: PlaceDeps): Promise<void> {
  const existing = builder.get(entry.path);
  if (existing === undefined || isMadeParent(existing, entry)) return builder.set(entry);
  if (await isSame(entry, existing, deps.contents)) {
    const { owner } = existing;
    if (owner !== undefined)
      builder.set({ ...existing, owner, mtime: Math.max(existing.mtime, entry.mtime) });
    return;
  }
  if (entry.kind !== "directory" && existing.kind !== "directory") {
    if (replaces(entry, existing, deps)) return builder.set(entry);
    if (replaces(existing, entry, deps)) return;
  }
  throw fileConflict(entry, existing);
}

/** A folder that is there only because something lies in it takes the metadata of whoever has it as a member. */
function isMadeParent(existing: Entry, entry: Entry): boolean {
  return existing.owner === "" && existing.kind === "directory" && entry.kind === "directory";
}

async function isSame(a: Entry, b: Entry, contents: ContentReader): Promise<boolean> {
  if (a.uid !== b.uid || a.gid !== b.gid || a.mode !== b.mode) return false;
  switch (a.kind) {
    case "directory":
      return b.kind === "directory";
    case "symlink":
      return b.kind === "symlink" && a.target === b.target;
    case "file":
      return b.kind === "file" && (await hasSameBytes(a, b, contents));
  }
}

async function hasSameBytes(a: FileEntry, b: FileEntry, contents: ContentReader): Promise<boolean> {
  if (a.content.sizeBytes !== b.content.sizeBytes) return false;
  return Buffer.from(await contents.read(a.content)).equals(await contents.read(b.content));
}

function replaces(one: Entry, other: Entry, { peers }: PlaceDeps): boolean {
  const [ours, theirs] = [peers.get(one.owner ?? ""), peers.get(other.owner ?? "")];
  if (ours === undefined || theirs === undefined) return false;
  return parseRelations(fieldOf(ours.control, "Replaces") ?? "", ARCHITECTURE)
    .flat()
    .some(
      ({ name, constraint }) =>
        name === other.owner && (constraint === undefined || versionMeets(theirs.version, constraint)),
    );
}
