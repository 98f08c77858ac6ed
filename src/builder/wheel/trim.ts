/** A recipe's rules on what of the wheels does not come along. What licences ask to keep stays, whatever a rule says. */
import { matchesGlob } from "node:path/posix";
import { digestOf } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import type { TrimRule } from "../recipe/recipe.ts";
import type { InstalledFile } from "./spread-wheel.ts";

const EMPTY = new Uint8Array();
/** Metadata, licences among it, and notices that lie beside the code. */
const KEPT = /(?:^|\/)[^/]+\.dist-info\/|(?:^|\/)(?:licen[cs]e|copying|notice|authors|copyright)[^/]*$/i;

/** Throws TRIM_UNUSED (usage) for rules that no file follows: what they were for is gone, or they never did anything. */
export function trimFiles(
  files: readonly InstalledFile[],
  rules: readonly TrimRule[],
): readonly InstalledFile[] {
  const used = new Set<TrimRule>();
  const left = files.flatMap((file): readonly InstalledFile[] => {
    const rule = KEPT.test(file.path) ? undefined : rules.find((one) => matchesGlob(file.path, one.files));
    if (rule === undefined) return [file];
    used.add(rule);
    return rule.leave === "nothing" ? [] : [{ ...file, source: EMPTY, sha256: digestOf(EMPTY) }];
  });
  const unused = rules.filter((rule) => !used.has(rule));
  if (unused.length > 0) throw trimUnused(unused);
  return left;
}

function trimUnused(rules: readonly TrimRule[]): AppError {
  const patterns = rules.map(({ files }) => files);
  return new AppError(
    { class: "usage", code: "TRIM_UNUSED" },
    `Cannot trim by ${patterns.map((one) => `"${one}"`).join(", ")}: no file of the wheels is called so`,
    { hint: "Take the rule out of the recipe, or mend its pattern", fields: { patterns } },
  );
}
