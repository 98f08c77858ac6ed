import { type Digest } from "../../shared/digest.ts";
import { hashChunks } from "../../shared/hash-file.ts";
import type { Store } from "../../shared/store/store.ts";
import { createTarIndexer, type IndexedMember } from "../../shared/tar/index-tar.ts";
import { createRangeReader } from "../../shared/tar/ranges.ts";

type Entry = Omit<IndexedMember, "offset"> & { readonly sha256: Digest };
type LayerDeps = { readonly store: Store };

/** The first entry in which two layers, both in the store, part: "usr/bin/tool: mode 644, expected 755". */
export async function layerDifference(expected: Digest, received: Digest, deps: LayerDeps): Promise<string> {
  const [wanted, found] = [await entriesOf(expected, deps), await entriesOf(received, deps)];
  for (let index = 0; index < Math.max(wanted.length, found.length); index += 1) {
    const difference = entryDifference(wanted[index], found[index]);
    if (difference !== undefined) return difference;
  }
  return "every entry is equal, the tar around them is not";
}

function entryDifference(wanted: Entry | undefined, found: Entry | undefined): string | undefined {
  if (found === undefined) return wanted && `${wanted.path}: missing, expected a ${wanted.kind}`;
  if (wanted === undefined) return `${found.path}: a ${found.kind}, expected nothing more`;
  if (wanted.path !== found.path) return `${found.path}: stands where ${wanted.path} is expected`;
  const parts = FIELDS.filter((field) => wanted[field] !== found[field]).map(
    (field) => `${field} ${show(found, field)}, expected ${show(wanted, field)}`,
  );
  return parts.length === 0 ? undefined : `${wanted.path}: ${parts.join("; ")}`;
}

const FIELDS = ["kind", "mode", "uid", "gid", "mtime", "linkTarget", "sizeBytes", "sha256"] as const;

function show(entry: Entry, field: (typeof FIELDS)[number]): string {
  return field === "mode" ? entry.mode.toString(8) : String(entry[field]);
}

async function entriesOf(layer: Digest, { store }: LayerDeps): Promise<readonly Entry[]> {
  const indexer = createTarIndexer(layer);
  for await (const chunk of store.read(layer)) indexer.push(chunk);
  const ranges = createRangeReader();
  try {
    const entries: Entry[] = [];
    for (const { offset, ...member } of indexer.finish()) {
      const range = { offset, sizeBytes: member.sizeBytes };
      const { digest } = await hashChunks(ranges.read(store.pathOf(layer), range));
      entries.push({ ...member, sha256: digest });
    }
    return entries;
  } finally {
    await ranges.close();
  }
}
