/** Which libraries ldconfig (elf/ldconfig.c, search_dir, of glibc 2.36) would put into its cache, and the links that it would make. */
import { AppError } from "../../../shared/errors.ts";
import type { ContentReader } from "../contents.ts";
import { EM_X86_64, ET_DYN, readElf, type ElfFile } from "../elf/read-elf.ts";
import { resolveFile, resolvePath, type RootView } from "../resolve-path.ts";
import type { Content } from "../tree.ts";
import { compareNames } from "./compare-names.ts";
import type { CacheEntry } from "./encode-cache.ts";

export type FoundLibraries = {
  readonly entries: readonly CacheEntry[];
  /** From a library's soname to its file, where nothing has that name; paths in the root. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
};

/** One library of a folder, by the name that it goes under. */
type Library = {
  readonly name: string;
  readonly soname: string;
  readonly isLink: boolean;
  readonly isaLevel: number;
};

const HWCAPS = "glibc-hwcaps";

/** Folders in the order of the search. Files that are no libraries of this architecture are passed over, as ldconfig does. */
export async function findLibraries(
  folders: readonly string[],
  view: RootView,
  contents: ContentReader,
): Promise<FoundLibraries> {
  const entries: CacheEntry[] = [];
  const links: { path: string; target: string }[] = [];
  for (const folder of folders) {
    for (const { name, soname, isLink } of await librariesIn(folder, view, contents)) {
      entries.push({ soname, path: `${folder}/${soname}` });
      const path = `${resolvePath(view, folder)}/${soname}`;
      if (!isLink && !view.nodes.has(path)) links.push({ path, target: name });
    }
    for (const level of view.names.get(`${resolvePath(view, folder)}/${HWCAPS}`) ?? []) {
      const path = `${folder}/${HWCAPS}/${level}`;
      for (const { name, soname, isaLevel } of await librariesIn(path, view, contents))
        entries.push({ soname, path: `${path}/${name}`, hwcaps: { name: level, isaLevel } });
    }
  }
  return { entries, links };
}

async function librariesIn(
  folder: string,
  view: RootView,
  contents: ContentReader,
): Promise<readonly Library[]> {
  const libraries = new Map<string, Library>();
  for (const name of view.names.get(resolvePath(view, folder) ?? "\0") ?? []) {
    if (!/^(?:lib|ld-).*/.test(name) || !name.includes(".so")) continue;
    const file = resolveFile(view, `${folder}/${name}`);
    const elf = file === undefined ? undefined : await readLibrary(file.content, contents);
    if (elf === undefined) continue;
    const isSymlink = view.nodes.get(`${resolvePath(view, folder)}/${name}`)?.kind === "symlink";
    const library = libraryOf(name, elf, isSymlink);
    const known = libraries.get(library.soname);
    if (known === undefined || isPreferred(library, known)) libraries.set(library.soname, library);
  }
  return [...libraries.values()];
}

/** A symlink counts as one where it bears the soname or is what the linker looks for; any other is taken for the file itself. */
function libraryOf(name: string, elf: ElfFile, isSymlink: boolean): Library {
  const soname = elf.soname ?? name;
  const isLink = isSymlink && (name === soname || (name.endsWith(".so") && soname.startsWith(name)));
  return { name, soname: isLink ? name : soname, isLink, isaLevel: elf.isaLevel };
}

function isPreferred(one: Library, known: Library): boolean {
  if (one.isLink !== known.isLink) return !one.isLink;
  return compareNames(known.name, one.name) < 0;
}

async function readLibrary(content: Content, contents: ContentReader): Promise<ElfFile | undefined> {
  try {
    const elf = await readElf((range) => contents.read(content, range));
    return elf?.machine === EM_X86_64 && elf.type === ET_DYN && elf.isDynamic ? elf : undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === "ELF_MALFORMED") return undefined;
    throw error;
  }
}
