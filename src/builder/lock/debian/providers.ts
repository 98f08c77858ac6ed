import { AppError } from "../../../shared/errors.ts";
import type { PackageRecord } from "./packages.ts";
import { formatRelation, type Relation } from "./relations.ts";

/** Debian Policy 2.5, most important first; apt reads a priority that it does not know as the last. */
const PRIORITIES = ["required", "important", "standard", "optional", "extra"];

/**
 * Puts the solutions of one relation in the order in which apt tries them (CompareProviders in its depcache.cc): the package of that name, then Essential ones, then by
 * priority. Where these say nothing apt goes by the order in which its cache first met the names, which changes with any
 * unrelated package; a lock must not, so the recipe has to say. Throws AppError PROVIDER_AMBIGUOUS (usage).
 */
export function rankProviders(
  solutions: readonly PackageRecord[],
  asked: { readonly relation: Relation; readonly askedBy: string },
): readonly PackageRecord[] {
  const rank = (record: PackageRecord): number => rankOf(record, asked.relation);
  const ranked = [...solutions].sort((a, b) => rank(a) - rank(b));
  const [first, second] = ranked;
  if (first === undefined || second === undefined || rank(first) < rank(second)) return ranked;
  const equal = ranked.filter((record) => rank(record) === rank(first)).map(({ name }) => name);
  throw new AppError(
    { class: "usage", code: "PROVIDER_AMBIGUOUS" },
    `Cannot choose a package for "${formatRelation(asked.relation)}", which "${asked.askedBy}" needs: ${equal.join(", ")} are equally good, expected one`,
    { hint: "Name one of them in the recipe's packages", fields: { providers: equal } },
  );
}

function rankOf(record: PackageRecord, relation: Relation): number {
  if (record.name === relation.name) return -2;
  if (record.essential) return -1;
  const priority = PRIORITIES.indexOf(record.priority);
  return priority === -1 ? PRIORITIES.length : priority;
}
