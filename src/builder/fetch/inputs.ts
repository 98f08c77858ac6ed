/** What locks name, each input once, with the words that a message needs for it. */
import type { Digest } from "../../shared/digest.ts";
import { byKey } from "../../shared/order.ts";
import type { Lock, LockedFile, LockedPackage, LockedSource } from "../lock/lock.ts";

export type WantedFile = {
  readonly file: LockedFile;
  /** "libc6 2.36-9+deb12u14", or a file name. */
  readonly label: string;
  /** The locks that name it. */
  readonly images: readonly string[];
};
export type WantedSource = { readonly source: LockedSource; readonly sdists: readonly WantedFile[] };
export type WantedInputs = {
  readonly files: readonly WantedFile[];
  readonly sources: readonly WantedSource[];
};

/** Files sorted by label; sources by tree. */
export function wantedInputs(locks: readonly Lock[]): WantedInputs {
  const files = new Map<Digest, WantedFile>();
  const sources = new Map<string, WantedSource>();
  for (const lock of locks) {
    for (const wanted of filesOf(lock)) {
      const images = [...(files.get(wanted.file.sha256)?.images ?? []), lock.name];
      files.set(wanted.file.sha256, { ...wanted, images: [...new Set(images)] });
    }
    if (lock.compile !== undefined) {
      const { source } = lock.compile;
      sources.set(source.tree, { source, sdists: sdistsOf(source, lock.name) });
    }
  }
  return {
    files: [...files.values()].sort(byKey(({ label }) => label)),
    sources: [...sources.values()].sort(byKey(({ source }) => source.tree)),
  };
}

function filesOf(lock: Lock): readonly WantedFile[] {
  const packages = [...lock.packages, ...(lock.compile?.packages ?? [])];
  return [
    ...packages.map((file) => ({ file, label: packageLabel(file), images: [lock.name] })),
    ...[...(lock.npm ?? []), ...(lock.wheels?.files ?? [])].map((file) => ({
      file,
      label: fileLabel(file),
      images: [lock.name],
    })),
  ];
}

/** Alternatives to one another, and wanted only while the proven tar is not there. */
function sdistsOf(source: LockedSource, image: string): readonly WantedFile[] {
  return source.origins.flatMap((origin) =>
    origin.kind === "sdist" ? [{ file: origin.file, label: fileLabel(origin.file), images: [image] }] : [],
  );
}

function packageLabel(file: LockedPackage): string {
  return `${file.name} ${file.version}`;
}

function fileLabel(file: LockedFile): string {
  return file.path.split("/").at(-1) ?? file.path;
}
