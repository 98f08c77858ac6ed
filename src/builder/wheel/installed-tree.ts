/** An installation as part of a root: every file, bytecode among them, and for each wheel the RECORD of what is really there. */
import type { Digest } from "../../shared/digest.ts";
import { byKey, compareCodeUnits } from "../../shared/order.ts";
import { joinRelative, parentOf, parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";
import type { ByteSource, Store } from "../../shared/store/store.ts";
import type { Content, Tree, TreeNode } from "../assemble/tree.ts";
import { DIRECTORY_MODE, FILE_MODE, PROGRAM_MODE } from "../format.ts";
import type { Installation } from "./install-wheels.ts";
import { formatRecord } from "./record.ts";
import type { InstalledFile } from "./spread-wheel.ts";

/** Made from a file of an installation: it belongs to whom that file belongs to. */
export type MadeFile = {
  /** Below the destination. */
  readonly path: RelativePath;
  readonly from: RelativePath;
  readonly sha256: Digest;
  readonly content: Content;
};

export type Place = { readonly destination: string; readonly site: RelativePath; readonly epoch: number };

/** With the folders above; owned by root. Bytes that are made here come to lie in one blob. */
export async function installedTree(
  { wheels, files }: Installation,
  made: readonly MadeFile[],
  { place, store }: { readonly place: Place; readonly store: Store },
): Promise<Tree> {
  const owners = new Map(files.map(({ path, owner }) => [path, owner]));
  const all: InstalledFile[] = [
    ...files,
    ...made.map(({ path, from, sha256, content }) => ({
      path,
      owner: owners.get(from) ?? "",
      program: false,
      sha256,
      source: content,
    })),
  ];
  const byOwner = Map.groupBy(all, ({ owner }) => owner);
  const records = wheels.map(({ project, info }): Unplaced => {
    const text = recordOf(byOwner.get(project) ?? [], info, place.site);
    return { path: joinRelative(info, "RECORD"), program: false, source: Buffer.from(text) };
  });
  return toTree(await placed([...all, ...records], store), place);
}

type Unplaced = Pick<InstalledFile, "path" | "program" | "source">;
type Placed = Omit<Unplaced, "source"> & { readonly content: Content };

function recordOf(files: readonly InstalledFile[], info: RelativePath, site: RelativePath): string {
  const lines = files.map(({ path, sha256, source }) => ({
    path: fromSite(path, site),
    digest: sha256,
    sizeBytes: source instanceof Uint8Array ? source.length : source.sizeBytes,
  }));
  const own = { path: fromSite(joinRelative(info, "RECORD"), site) };
  return formatRecord([...lines, own].toSorted(byKey(({ path }) => path)));
}

/** "../../../bin/x" for what lies beside lib. */
function fromSite(path: RelativePath, site: RelativePath): string {
  if (path.startsWith(`${site}/`)) return path.slice(site.length + 1);
  return `${"../".repeat(site.split("/").length)}${path}`;
}

async function placed(files: readonly Unplaced[], store: Store): Promise<readonly Placed[]> {
  const sorted = files.toSorted(byKey(({ path }) => path));
  const parts: ByteSource = sorted.flatMap(({ source }) => (source instanceof Uint8Array ? [source] : []));
  const { digest: blob } = await store.add(parts);
  let offset = 0;
  return sorted.map(({ path, program, source }) => {
    if (!(source instanceof Uint8Array)) return { path, program, content: source };
    const content = { blob, offset, sizeBytes: source.length };
    offset += source.length;
    return { path, program, content };
  });
}

function toTree(files: readonly Placed[], { destination, epoch }: Place): Tree {
  const folder = parseRelativePath(destination.replace(/^\//, ""));
  const common = { uid: 0, gid: 0, mtime: epoch };
  const nodes = new Map<RelativePath, TreeNode>();
  for (const file of files) {
    const path = joinRelative(folder, file.path);
    const mode = file.program ? PROGRAM_MODE : FILE_MODE;
    nodes.set(path, { ...common, kind: "file", path, mode, content: file.content });
    for (let one = parentOf(path); one !== undefined && !nodes.has(one); one = parentOf(one))
      nodes.set(one, { ...common, kind: "directory", path: one, mode: DIRECTORY_MODE });
  }
  return [...nodes.values()].sort((a, b) => compareCodeUnits(a.path, b.path));
}
