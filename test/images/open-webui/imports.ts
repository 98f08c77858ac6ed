/** Which locked packages a process has imported files of. */

/** From a file's absolute path to the project that has it, by the RECORDs beside it. */
export type Owners = ReadonlyMap<string, string>;

export type ImportReport = {
  readonly imported: readonly string[];
  /** Locked, not imported, and no reason given. */
  readonly neverNeeded: readonly string[];
  /** A reason given, and imported or not locked: the reason is wrong. */
  readonly wronglyKept: readonly string[];
  /** Imported from below the layer, and no package's. */
  readonly foreign: readonly string[];
};

export function reportImports(
  files: readonly string[],
  layer: { readonly top: string; readonly owners: Owners; readonly kept: readonly string[] },
): ImportReport {
  const { top, owners, kept } = layer;
  const locked = new Set(owners.values());
  const imported = new Set(files.flatMap((file) => owners.get(file) ?? []));
  return {
    imported: [...imported].toSorted(),
    neverNeeded: [...locked].filter((name) => !imported.has(name) && !kept.includes(name)).toSorted(),
    wronglyKept: kept.filter((name) => imported.has(name) || !locked.has(name)),
    foreign: files.filter((file) => file.startsWith(`${top}/`) && !owners.has(file)),
  };
}
