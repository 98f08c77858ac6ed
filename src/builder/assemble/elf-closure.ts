/** Whether every program and library of a root finds all that it needs within the root, where ld.so(8) would look for it. */
import { AppError, messageOf } from "../../shared/errors.ts";
import type { Store } from "../../shared/store/store.ts";
import { withContents, type ContentReader } from "./contents.ts";
import { EM_X86_64, ET_DYN, readElf, type ElfFile } from "./elf/read-elf.ts";
import { searchFolders } from "./loader/search-folders.ts";
import { resolveFile, viewRoot, type RootView } from "./resolve-path.ts";
import type { Content, Tree } from "./tree.ts";

const ET_EXEC = 2;
const SHOWN = 20;

/**
 * Every interpreter and every DT_NEEDED of every ELF file must lead to a library in the root. Throws AppError ELF_UNRESOLVED
 * (usage) naming all that lead nowhere; a program of another architecture, or one that cannot be read, counts as such.
 */
export async function checkElfClosure(root: Tree, { store }: { readonly store: Store }): Promise<void> {
  const unresolved = await withContents(store, (contents) => findUnresolved(root, contents));
  if (unresolved.length === 0) return;
  const more = unresolved.length > SHOWN ? `\nand ${unresolved.length - SHOWN} more` : "";
  throw new AppError(
    { class: "usage", code: "ELF_UNRESOLVED" },
    `Cannot use the root: ${unresolved.length} needs of its programs and libraries lead nowhere in it:\n${unresolved.slice(0, SHOWN).join("\n")}${more}`,
    { hint: "Add the packages that have them to the recipe", fields: { unresolved } },
  );
}

async function findUnresolved(root: Tree, contents: ContentReader): Promise<readonly string[]> {
  const view = viewRoot(root);
  const known = new Map<Content, Promise<ElfFile | Error | undefined>>();
  const elfOf = (content: Content) => {
    const found = known.get(content) ?? readOrExplain(content, contents);
    known.set(content, found);
    return found;
  };
  const isLibrary = async (path: string) => {
    const file = resolveFile(view, path);
    const elf = file === undefined ? undefined : await elfOf(file.content);
    return elf !== undefined && !(elf instanceof Error) && elf.machine === EM_X86_64 && elf.type === ET_DYN;
  };
  const folders = await searchFolders(view, contents);
  const unresolved: string[] = [];
  for (const node of root) {
    if (node.kind !== "file") continue;
    const elf = await elfOf(node.content);
    const needs = elf === undefined ? [] : await needsOf(elf, { path: node.path, folders, isLibrary, view });
    unresolved.push(...needs.map((why) => `/${node.path}: ${why}`));
  }
  return unresolved;
}

type Search = {
  readonly path: string;
  readonly folders: readonly string[];
  readonly isLibrary: (path: string) => Promise<boolean>;
  readonly view: RootView;
};

async function needsOf(elf: ElfFile | Error, search: Search): Promise<readonly string[]> {
  if (elf instanceof Error) return [elf.message];
  // Objects for the linker and dumps load nothing.
  if (elf.type !== ET_DYN && elf.type !== ET_EXEC) return [];
  if (elf.machine !== EM_X86_64) return [`it is for machine ${elf.machine}, expected x86-64`];
  const needs: string[] = [];
  if (elf.interpreter !== undefined && !(await search.isLibrary(elf.interpreter)))
    needs.push(`interpreter "${elf.interpreter}"`);
  for (const name of elf.needed) if (!(await isFound(name, elf, search))) needs.push(`needs "${name}"`);
  return needs;
}

async function isFound(name: string, elf: ElfFile, search: Search): Promise<boolean> {
  if (name.includes("/")) return await search.isLibrary(name);
  const own = `/${search.path}`.replace(/\/[^/]*$/, "");
  const runPath = elf.runPath.map((folder) => expand(folder, own)).filter((folder) => folder.startsWith("/"));
  for (const folder of [...runPath, ...search.folders])
    if (await search.isLibrary(`${folder}/${name}`)) return true;
  return false;
}

/** ld.so(8), "Dynamic string tokens". */
function expand(folder: string, own: string): string {
  return folder
    .replaceAll(/\$(?:ORIGIN\b|\{ORIGIN\})/g, own)
    .replaceAll(/\$(?:LIB\b|\{LIB\})/g, "lib/x86_64-linux-gnu")
    .replaceAll(/\$(?:PLATFORM\b|\{PLATFORM\})/g, "x86_64");
}

async function readOrExplain(
  content: Content,
  contents: ContentReader,
): Promise<ElfFile | Error | undefined> {
  try {
    return await readElf((range) => contents.read(content, range));
  } catch (error) {
    if (error instanceof AppError && error.code === "ELF_MALFORMED") return new Error(messageOf(error));
    throw error;
  }
}
