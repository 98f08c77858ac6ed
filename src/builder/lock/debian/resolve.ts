/**
 * From the packages that a recipe names to all that they need. The choices are those of apt 2.6 on an empty system without
 * Recommends (pkgDepCache::MarkInstall): everything wanted is settled first, then each package's Pre-Depends and Depends
 * are walked in order, depth first; an alternative that is already chosen wins, else the first that can be installed.
 */
import type { Digest } from "../../../shared/digest.ts";
import { AppError } from "../../../shared/errors.ts";
import { byKey } from "../../../shared/order.ts";
import type { RelativePath } from "../../../shared/relative-path.ts";
import type { OmittedPackage } from "../../recipe/recipe.ts";
import { collectCandidates, satisfies, solutionsOf, type Candidates } from "./candidates.ts";
import type { PackageRecord } from "./packages.ts";
import { rankProviders } from "./providers.ts";
import {
  formatRelation,
  parseFlatRelations,
  parseRelations,
  type Dependency,
  type Relation,
} from "./relations.ts";

export type ResolveInput = {
  readonly wanted: readonly string[];
  /** Every record of every suite that the recipe takes packages from. */
  readonly candidates: Iterable<PackageRecord>;
  readonly omit: readonly OmittedPackage[];
  readonly architecture: string;
  /** What the image below already has: it satisfies dependencies in exactly this version and is not listed again. */
  readonly below?: readonly { readonly name: string; readonly version: string }[];
};

export type ResolvedPackage = {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly path: RelativePath;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  readonly source: { readonly name: string; readonly version: string };
  readonly section: string;
  readonly suite: string;
  /** The package whose dependency brought this one in; absent where the recipe names it. */
  readonly because?: string;
};

/** Sorted by name. */
export type Resolution = {
  readonly packages: readonly ResolvedPackage[];
  /** What was left out, in which version, and which package asked for it. */
  readonly omitted: readonly { readonly name: string; readonly version: string; readonly because: string }[];
};

type Chosen = {
  readonly record: PackageRecord;
  readonly because?: string;
  readonly kind: "installed" | "omitted" | "below";
};

type State = {
  readonly candidates: Candidates;
  readonly omit: ReadonlySet<string>;
  /** In the order of choosing, so that a failed branch is what lies at the end. */
  readonly chosen: Map<string, Chosen>;
  /** What failed once is not tried again, as in apt. */
  readonly failed: Map<string, Failure>;
};

type Failure = {
  readonly code: "DEPENDENCY_UNSATISFIABLE" | "PACKAGE_CONFLICT";
  readonly chain: string;
  readonly why: string;
};

/**
 * Throws AppError of class usage: PACKAGE_UNKNOWN, DEPENDENCY_UNSATISFIABLE (with the chain that led there),
 * PACKAGE_CONFLICT, PROVIDER_AMBIGUOUS, OMIT_UNUSED.
 */
export function resolvePackages(input: ResolveInput): Resolution {
  const settled = new Map((input.below ?? []).map(({ name, version }) => [name, version]));
  const candidates = collectCandidates(input.candidates, { architecture: input.architecture, settled });
  const omit = new Set(input.omit.map((one) => one.package));
  const state: State = { candidates, omit, chosen: new Map(), failed: new Map() };

  for (const name of settled.keys()) place(state, { record: candidateNamed(state, name), kind: "below" });
  const wanted = input.wanted.map((name) => candidateNamed(state, name));
  for (const record of wanted) placeWanted(state, record);
  for (const record of wanted) {
    const failure = settled.has(record.name) ? undefined : followDependencies(state, record);
    if (failure !== undefined) throw unsolved(failure);
  }

  const chosen = [...state.chosen.values()].sort(byKey(({ record }) => record.name));
  refuseUnusedOmits(input, chosen);
  return {
    packages: chosen.filter(({ kind }) => kind === "installed").map(toResolved),
    omitted: chosen
      .filter(({ kind }) => kind === "omitted")
      .map(({ record, because = "" }) => ({ name: record.name, version: record.version, because })),
  };
}

function placeWanted(state: State, record: PackageRecord): void {
  if (state.chosen.has(record.name)) return;
  const conflict = conflictOf(state, record);
  if (conflict !== undefined) throw unsolved(conflict);
  place(state, { record, kind: "installed" });
}

function followDependencies(state: State, record: PackageRecord): Failure | undefined {
  for (const field of [record.preDepends, record.depends]) {
    for (const dependency of parseRelations(field, state.candidates.architecture)) {
      const failure = satisfyDependency(state, record, dependency);
      if (failure !== undefined) return { ...failure, chain: `${record.name} -> ${failure.chain}` };
    }
  }
  return undefined;
}

/** The first alternative that can be installed; where none can, the reason that the first one cannot. */
function satisfyDependency(state: State, record: PackageRecord, dependency: Dependency): Failure | undefined {
  if (dependency.some((relation) => isSatisfied(state, relation))) return undefined;
  let first: Failure | undefined;
  for (const relation of dependency) {
    const solutions = solutionsOf(state.candidates, relation).filter(({ name }) => !state.failed.has(name));
    for (const solution of rankProviders(solutions, { relation, askedBy: record.name })) {
      const failure = choose(state, solution, record.name);
      if (failure === undefined) return undefined;
      first ??= failure;
    }
  }
  return first ?? missing(state, dependency);
}

function isSatisfied(state: State, relation: Relation): boolean {
  const { architecture } = state.candidates;
  const named = [
    state.candidates.byName.get(relation.name),
    ...(state.candidates.providers.get(relation.name) ?? []),
  ];
  return named.some(
    (record) =>
      record !== undefined && state.chosen.has(record.name) && satisfies(record, relation, architecture),
  );
}

/** Chooses the package with all that it needs, or leaves `chosen` as it was. */
function choose(state: State, record: PackageRecord, because: string): Failure | undefined {
  if (state.omit.has(record.name)) {
    place(state, { record, because, kind: "omitted" });
    return undefined;
  }
  const before = state.chosen.size;
  const conflict = conflictOf(state, record);
  if (conflict === undefined) place(state, { record, because, kind: "installed" });
  const failure = conflict ?? followDependencies(state, record);
  if (failure === undefined) return undefined;
  for (const name of [...state.chosen.keys()].slice(before)) state.chosen.delete(name);
  state.failed.set(record.name, failure);
  return failure;
}

/** Conflicts and Breaks in either direction; what is left out is not there to conflict. */
function conflictOf(state: State, record: PackageRecord): Failure | undefined {
  const { architecture } = state.candidates;
  const own = conflictsOf(record, architecture);
  for (const { record: other, kind } of state.chosen.values()) {
    if (kind === "omitted" || other.name === record.name) continue;
    const relation =
      own.find((relation) => satisfies(other, relation, architecture)) ??
      conflictsOf(other, architecture).find((relation) => satisfies(record, relation, architecture));
    if (relation === undefined) continue;
    const why = `"${record.name}" ${record.version} and "${other.name}" ${other.version} exclude each other by "${formatRelation(relation)}"`;
    return { code: "PACKAGE_CONFLICT", chain: record.name, why };
  }
  return undefined;
}

function conflictsOf(record: PackageRecord, architecture: string): readonly Relation[] {
  return [record.conflicts, record.breaks].flatMap((field) => parseFlatRelations(field, architecture));
}

function place(state: State, chosen: Chosen): void {
  state.chosen.set(chosen.record.name, chosen);
}

function candidateNamed(state: State, name: string): PackageRecord {
  const record = state.candidates.byName.get(name);
  if (record !== undefined) return record;
  const providers = (state.candidates.providers.get(name) ?? []).map((provider) => provider.name);
  throw new AppError(
    { class: "usage", code: "PACKAGE_UNKNOWN" },
    `Cannot find package "${name}": no suite of the recipe has it, expected a package's own name`,
    {
      hint:
        providers.length > 0
          ? `These packages provide it: ${providers.join(", ")}`
          : "Check its spelling and the recipe's suites",
      fields: { package: name, providers },
    },
  );
}

/** An alternative that failed earlier is a better reason than none. */
function missing(state: State, dependency: Dependency): Failure {
  const text = dependency.map(formatRelation).join(" | ");
  for (const relation of dependency) {
    for (const { name } of solutionsOf(state.candidates, relation)) {
      const failure = state.failed.get(name);
      if (failure !== undefined) return failure;
    }
  }
  const held = dependency.flatMap(({ name }) => state.candidates.byName.get(name) ?? []);
  const found = held.map(({ name, version }) => `"${name}" ${version}`).join(", ");
  const why = found === "" ? "no suite has such a package" : `the suites have ${found}`;
  return { code: "DEPENDENCY_UNSATISFIABLE", chain: text, why };
}

function unsolved(failure: Failure): AppError {
  return new AppError(
    { class: "usage", code: failure.code },
    `Cannot resolve ${failure.chain}: ${failure.why}`,
    {
      hint: "Change the recipe's packages or suites, or leave a package out with a reason (omit)",
      fields: { chain: failure.chain.split(" -> ") },
    },
  );
}

function refuseUnusedOmits(input: ResolveInput, chosen: readonly Chosen[]): void {
  const used = new Set(chosen.filter(({ kind }) => kind === "omitted").map(({ record }) => record.name));
  const unused = input.omit.map((one) => one.package).filter((name) => !used.has(name));
  if (unused.length === 0) return;
  throw new AppError(
    { class: "usage", code: "OMIT_UNUSED" },
    `Cannot leave out "${unused.join('", "')}": no dependency asks for it, expected only packages that would be installed`,
    { hint: "Delete it from the recipe's omit list", fields: { packages: unused } },
  );
}

function toResolved({ record, because }: Chosen): ResolvedPackage {
  const { name, version, architecture, path, sizeBytes, sha256, source, section, suite } = record;
  const resolved = { name, version, architecture, path, sizeBytes, sha256, source, section, suite };
  return because === undefined ? resolved : { ...resolved, because };
}
