import type { ContentReader } from "../contents.ts";
import { encodeCache } from "../loader/encode-cache.ts";
import { findLibraries } from "../loader/find-libraries.ts";
import { CONFIGURATION, DEFAULT_CONFIGURATION, searchFolders } from "../loader/search-folders.ts";
import { textFile, type NewNode } from "../new-node.ts";
import { resolveFile, viewRoot } from "../resolve-path.ts";
import type { RootBuilder } from "../root-builder.ts";

const CACHE = "etc/ld.so.cache";
const GENERATOR = "cloister, in the order of glibc 2.36";

/**
 * What the trigger of libc-bin makes by running ldconfig: /etc/ld.so.cache, and links by soname where packages have none.
 * Nothing where the layer below already has the same cache, or where there are no libraries at all.
 */
export async function loaderCache(
  builder: RootBuilder,
  contents: ContentReader,
): Promise<readonly NewNode[]> {
  const view = viewRoot(builder.finish().root);
  const { entries, links } = await findLibraries(await searchFolders(view, contents), view, contents);
  if (entries.length === 0) return [];
  const cache = encodeCache(entries, GENERATOR);
  const known = resolveFile(view, CACHE);
  if (known !== undefined && cache.equals(await contents.read(known.content))) return [];
  const configuration = resolveFile(view, CONFIGURATION);
  return [
    ...(configuration === undefined ? [textFile(CONFIGURATION, DEFAULT_CONFIGURATION)] : []),
    ...links.map((link): NewNode => ({ kind: "symlink", ...link })),
    { kind: "bytes", path: CACHE, bytes: cache },
  ];
}
