import { AppError } from "../../../shared/errors.ts";
import type { IndexFile } from "../registry/pypi.ts";
import { parseWheelName, type WheelName } from "./wheel-name.ts";

export type Pin = {
  /** Normalised. */
  readonly project: string;
  readonly version: string;
  /** Another project that asks for it; undefined where the recipe does. */
  readonly because?: string;
};

type Candidate = WheelName & { readonly file: IndexFile; readonly rank: number };

/** The file that pip would take: the best tag, then the highest build number. Throws WHEEL_UNKNOWN (usage) where none fits. */
export function chooseWheel(
  pin: Pin,
  files: readonly IndexFile[],
  tags: ReadonlyMap<string, number>,
): IndexFile {
  const candidates = files.flatMap((file) => candidatesOf(file, tags));
  const ofVersion = candidates.filter(
    ({ project, version }) => project === pin.project && version === pin.version,
  );
  const [best] = ofVersion.toSorted((a, b) => a.rank - b.rank || b.build - a.build);
  if (best !== undefined) return best.file;
  throw new AppError(
    { class: "usage", code: "WHEEL_UNKNOWN" },
    `Cannot find a wheel of "${pin.project}" ${pin.version}: the index lists ${files.length} files of the project and none that fits, expected one for Debian 12's Python on x86-64`,
    { hint: "Only wheels are taken: a source distribution would run its own code", fields: { ...pin } },
  );
}

function candidatesOf(file: IndexFile, tags: ReadonlyMap<string, number>): readonly Candidate[] {
  const name = parseWheelName(file.name);
  const ranks = name?.tags.flatMap((tag) => tags.get(tag) ?? []) ?? [];
  return name === undefined || ranks.length === 0 ? [] : [{ ...name, file, rank: Math.min(...ranks) }];
}
