/** Which package versions may be chosen, and which of them satisfies a relation. */
import { AppError } from "../../../shared/errors.ts";
import { compareCodeUnits } from "../../../shared/order.ts";
import type { PackageRecord } from "./packages.ts";
import { parseFlatRelations, versionMeets, type Relation } from "./relations.ts";
import { compareVersions } from "./version.ts";

export type Candidates = {
  readonly architecture: string;
  /** The one version of each name that may be chosen. */
  readonly byName: ReadonlyMap<string, PackageRecord>;
  /** For each name in a Provides, the candidates that provide it. */
  readonly providers: ReadonlyMap<string, readonly PackageRecord[]>;
};

export type CandidateOptions = {
  readonly architecture: string;
  /** Names whose version is settled: what a lower layer already has. */
  readonly settled: ReadonlyMap<string, string>;
};

/**
 * The highest version of each name over all suites; of one version in two suites, the record that comes first. Throws
 * AppError PACKAGE_AMBIGUOUS (integrity) where suites disagree on one version's bytes, PACKAGE_UNKNOWN (usage) where a
 * settled version is in no suite.
 */
export function collectCandidates(records: Iterable<PackageRecord>, options: CandidateOptions): Candidates {
  const byName = new Map<string, PackageRecord>();
  for (const record of records) {
    if (record.architecture !== options.architecture && record.architecture !== "all") continue;
    const settled = options.settled.get(record.name);
    if (settled !== undefined && settled !== record.version) continue;
    const held = byName.get(record.name);
    if (held === undefined || isBetter(record, held)) byName.set(record.name, record);
  }
  for (const [name, version] of options.settled) {
    if (!byName.has(name)) throw settledUnknown(name, version);
  }
  return {
    architecture: options.architecture,
    byName,
    providers: collectProviders(byName, options.architecture),
  };
}

/** Every candidate that satisfies the relation, a package of that very name before those that only provide it. */
export function solutionsOf(candidates: Candidates, relation: Relation): readonly PackageRecord[] {
  const named = candidates.byName.get(relation.name);
  const providers = candidates.providers.get(relation.name) ?? [];
  const all = named === undefined ? providers : [named, ...providers.filter((one) => one !== named)];
  return all.filter((record) => satisfies(record, relation, candidates.architecture));
}

/** Whether the package, by its own name or by one that it provides, is what the relation names. */
export function satisfies(record: PackageRecord, relation: Relation, architecture: string): boolean {
  if (record.name === relation.name && meetsOwn(record, relation, architecture)) return true;
  if (!record.provides.includes(relation.name)) return false;
  return parseFlatRelations(record.provides, architecture).some((provided) =>
    meetsProvided(record, { provided, relation }),
  );
}

function meetsOwn(record: PackageRecord, relation: Relation, architecture: string): boolean {
  return (
    meetsQualifier(record, relation.qualifier, architecture) &&
    (relation.constraint === undefined || versionMeets(record.version, relation.constraint))
  );
}

/** A provided name has the version that it is provided with, and without one meets no constraint (Policy 7.5). */
function meetsProvided(
  record: PackageRecord,
  pair: { readonly provided: Relation; readonly relation: Relation },
): boolean {
  const { provided, relation } = pair;
  if (provided.name !== relation.name) return false;
  if (relation.qualifier === "any" && provided.qualifier !== "any" && record.multiArch !== "allowed")
    return false;
  if (relation.constraint === undefined) return true;
  if (provided.constraint?.operator !== "=") return false;
  return versionMeets(provided.constraint.version, relation.constraint);
}

/** `:any` asks for a package that allows it (Multi-Arch: allowed), also on its own architecture; so apt and dpkg. */
function meetsQualifier(record: PackageRecord, qualifier: string | undefined, architecture: string): boolean {
  if (qualifier === undefined || qualifier === "native") return true;
  return qualifier === "any" ? record.multiArch === "allowed" : qualifier === architecture;
}

function isBetter(record: PackageRecord, held: PackageRecord): boolean {
  const order = compareVersions(record.version, held.version);
  if (order === 0 && record.sha256 !== held.sha256) {
    throw new AppError(
      { class: "integrity", code: "PACKAGE_AMBIGUOUS" },
      `Cannot choose "${record.name}" ${record.version}: "${held.suite}" has ${held.sha256}, "${record.suite}" has ${record.sha256}, expected the same bytes`,
      { hint: "Leave one of the suites out of the recipe", fields: { package: record.name } },
    );
  }
  return order > 0;
}

function collectProviders(
  byName: ReadonlyMap<string, PackageRecord>,
  architecture: string,
): ReadonlyMap<string, readonly PackageRecord[]> {
  const providers = new Map<string, PackageRecord[]>();
  const names = [...byName.keys()].sort(compareCodeUnits);
  for (const name of names) {
    const record = byName.get(name);
    if (record === undefined || record.provides === "") continue;
    const provided = parseFlatRelations(record.provides, architecture).map((relation) => relation.name);
    for (const virtual of new Set(provided)) {
      const list = providers.get(virtual);
      if (list === undefined) providers.set(virtual, [record]);
      else list.push(record);
    }
  }
  return providers;
}

function settledUnknown(name: string, version: string): AppError {
  return new AppError(
    { class: "usage", code: "PACKAGE_UNKNOWN" },
    `Cannot resolve on top of "${name}" ${version}: no suite has that version any more`,
    { hint: "Lock the base image again, then this one", fields: { package: name, version } },
  );
}
