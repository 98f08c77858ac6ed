import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { canonicalJson } from "../../shared/canonical-json.ts";
import { digestOf, type Digest } from "../../shared/digest.ts";
import { AppError, messageOf } from "../../shared/errors.ts";
import { parseMemberPath } from "../../shared/relative-path.ts";
import { recallBlob } from "../../shared/store/recall-blob.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import { createTarIndexer, type IndexedMember } from "../../shared/tar/index-tar.ts";
import { createRangeReader } from "../../shared/tar/ranges.ts";
import { PROGRAM_MODE } from "../format.ts";
import type { Lock, LockedFile } from "../lock/lock.ts";
import type { Recipe, ToolFile } from "../recipe/recipe.ts";
import { blobMember, type ApplianceMember } from "./member.ts";

type Wanted = Pick<ToolFile, "from" | "path">;

export type ToolDeps = {
  readonly store: Store;
  /** assemble's: what a .deb holds, its files being ranges of one tar in the store. */
  unpackDeb(
    deb: StoredBlob,
  ): Promise<{ readonly dataTar: Digest; readonly members: readonly IndexedMember[] }>;
};

type Source = { readonly kind: "deb" | "npm"; readonly file: LockedFile };

/** bin/: single files out of locked packages, taken once. Throws TOOL_MISSING (usage) where a package has no such file. */
export async function takeTools(
  { recipe, lock }: { readonly recipe: Recipe; readonly lock: Lock },
  deps: ToolDeps,
): Promise<readonly ApplianceMember[]> {
  const members: ApplianceMember[] = [];
  for (const tool of recipe.tools ?? []) {
    const file = await takeFile(tool, lock, deps);
    members.push({ ...blobMember(`bin/${tool.as}`, file), mode: PROGRAM_MODE });
  }
  return members;
}

/** Throws TOOL_MISSING (usage) where the lock has no such package, or the package no such file. */
export async function takeFile(tool: Wanted, lock: Lock, deps: ToolDeps): Promise<StoredBlob> {
  const source = findSource(tool, lock);
  const key = digestOf(canonicalJson({ from: source.file.sha256, path: tool.path }));
  const known = await recallBlob(deps.store, "tool", key);
  if (known !== undefined) return known;
  const blob = await (source.kind === "deb" ? fromDeb : fromNpm)(tool, source.file, deps);
  if (blob === undefined) throw missing(tool, "it has no such file");
  await deps.store.remember("tool", key, blob);
  return blob;
}

function findSource(tool: Wanted, lock: Lock): Source {
  const deb = lock.packages.find((locked) => locked.name === tool.from);
  if (deb !== undefined) return { kind: "deb", file: deb };
  const npm = lock.npm?.find((locked) => locked.path.startsWith(`${tool.from}/-/`));
  if (npm !== undefined) return { kind: "npm", file: npm };
  throw missing(tool, "the lock has no such package");
}

async function fromDeb(tool: Wanted, file: LockedFile, deps: ToolDeps): Promise<StoredBlob | undefined> {
  const { dataTar, members } = await deps.unpackDeb({ digest: file.sha256, sizeBytes: file.sizeBytes });
  const member = members.find(({ path, kind }) => kind === "file" && parseMemberPath(path) === tool.path);
  if (member === undefined) return undefined;
  const ranges = createRangeReader();
  try {
    return await deps.store.add(ranges.read(deps.store.pathOf(dataTar), member));
  } finally {
    await ranges.close();
  }
}

/** Unpacked twice, to find the file and to take it: 130 MB once are not worth keeping. */
async function fromNpm(tool: Wanted, file: LockedFile, { store }: ToolDeps): Promise<StoredBlob | undefined> {
  const unpack = async <T>(consume: (tar: AsyncIterable<Uint8Array>) => Promise<T>): Promise<T> => {
    try {
      return await pipeline(store.read(file.sha256), createGunzip(), consume);
    } catch (error) {
      throw unreadable(tool, error);
    }
  };
  const members = await unpack(async (tar) => {
    const indexer = createTarIndexer(file.path);
    for await (const chunk of tar) indexer.push(chunk);
    return indexer.finish();
  });
  const member = members.find(({ path, kind }) => kind === "file" && path === tool.path);
  return member === undefined ? undefined : await unpack((tar) => store.add(slice(tar, member)));
}

async function* slice(
  chunks: AsyncIterable<Uint8Array>,
  range: { readonly offset: number; readonly sizeBytes: number },
): AsyncGenerator<Uint8Array> {
  let position = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(
      Math.max(range.offset - position, 0),
      Math.max(range.offset + range.sizeBytes - position, 0),
    );
    if (part.length > 0) yield part;
    position += chunk.length;
  }
}

function missing(tool: Wanted, why: string): AppError {
  return new AppError(
    { class: "usage", code: "TOOL_MISSING" },
    `Cannot take "${tool.path}" out of "${tool.from}": ${why}`,
    { fields: { package: tool.from, path: tool.path } },
  );
}

/** The store's own errors say what is wrong; what gunzip and tar say needs the package's name. */
function unreadable(tool: Wanted, cause: unknown): unknown {
  if (cause instanceof AppError) return cause;
  return new AppError(
    { class: "integrity", code: "ARCHIVE_MALFORMED" },
    `Cannot unpack the package "${tool.from}": ${messageOf(cause)}`,
    { cause },
  );
}
