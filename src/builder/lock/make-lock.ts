/** The stage: one recipe in, one lock out. */
import { canonicalJson, readableJson, type Json } from "../../shared/canonical-json.ts";
import { AppError } from "../../shared/errors.ts";
import { byKey } from "../../shared/order.ts";
import { parseRelativePath } from "../../shared/relative-path.ts";
import type { StoredBlob } from "../../shared/store/store.ts";
import { ARCHITECTURE, FORMAT } from "../format.ts";
import {
  recipeDigest,
  type CompileRecipe,
  type GitSource,
  type OmittedPackage,
  type Recipe,
  type SourceOrigin,
} from "../recipe/recipe.ts";
import { collectCandidates } from "./debian/candidates.ts";
import { resolvePackages } from "./debian/resolve.ts";
import type { Suite, Suites } from "./debian/suites.ts";
import { lockNpmFile, lockSdist } from "./lock-files.ts";
import {
  chosenFrom,
  lockPackages,
  lockWithoutScripts,
  type ChosenPackage,
  type PackageDeps,
} from "./lock-packages.ts";
import { lockWheels, type WheelDeps } from "./pypi/lock-wheels.ts";
import {
  lockDigest,
  parseLock,
  type Lock,
  type LockedCompile,
  type LockedOrigin,
  type LockedPackage,
  type LockedSource,
} from "./lock.ts";

export type LockInput = {
  readonly recipe: Recipe;
  /** The base's lock; given exactly where the recipe has a base. */
  readonly base?: Lock;
  /** What the lock was so far. */
  readonly previous?: Lock;
};

export type LockDeps = PackageDeps &
  WheelDeps & {
    readonly suites: Suites;
    /** The commit's tree as a canonical tar in the store, proven by hashing. */
    readonly proveSource: (source: Omit<LockedSource, "tar">) => Promise<{ readonly tar: StoredBlob }>;
  };

/**
 * While no input changes, the releases and with them the epoch stay what they were: archives sign anew several times a day, and an
 * image's digest should move only when something in it does.
 *
 * Throws what reading suites, resolving, downloading, deciding on scripts and proving the source throw.
 */
export async function makeLock(input: LockInput, deps: LockDeps): Promise<Lock> {
  const { recipe, base, previous } = input;
  const suites = await readSuites(recipe.suites, deps.suites);
  const packages = await packagesOf(recipe, { suites, base }, deps);
  const compile = recipe.compile === undefined ? undefined : await lockCompile(recipe.compile, suites, deps);
  const npm = [];
  for (const file of recipe.npm ?? []) npm.push(await lockNpmFile(file, deps));
  const wheels =
    recipe.wheels === undefined
      ? undefined
      : await lockWheels(recipe.wheels, { packages, previous: previous?.wheels }, deps);
  const lock: Lock = {
    format: FORMAT,
    name: recipe.name,
    recipe: recipeDigest(recipe),
    epoch: Math.max(...suites.map(({ release }) => release.date)),
    ...(base === undefined ? {} : { base: lockDigest(base) }),
    releases: suites.map(({ release }) => release).sort(byKey(({ suite }) => suite)),
    packages,
    omitted: sortedOmits(recipe.omit),
    ...(compile === undefined ? {} : { compile }),
    ...(recipe.npm === undefined ? {} : { npm: npm.sort(byKey(({ purl }) => purl)) }),
    ...(wheels === undefined ? {} : { wheels }),
  };
  return asWritten(keepReleases(lock, previous));
}

async function readSuites(names: readonly string[], suites: Suites): Promise<readonly Suite[]> {
  const read: Suite[] = [];
  for (const name of names) read.push(await suites.read(name));
  return read;
}

async function packagesOf(
  recipe: Recipe,
  found: { readonly suites: readonly Suite[]; readonly base: Lock | undefined },
  deps: LockDeps,
): Promise<readonly LockedPackage[]> {
  if (recipe.kind === "tools") return lockWithoutScripts(namedAlone(recipe.packages, found.suites));
  const chosen = resolve(
    { wanted: recipe.packages, omit: recipe.omit ?? [], below: found.base?.packages ?? [] },
    found.suites,
  );
  return lockPackages(chosen, deps);
}

async function lockCompile(
  compile: CompileRecipe,
  suites: readonly Suite[],
  deps: LockDeps,
): Promise<LockedCompile> {
  const chosen = resolve({ wanted: compile.packages, omit: compile.omit ?? [], below: [] }, suites);
  return {
    packages: await lockPackages(chosen, deps),
    omitted: sortedOmits(compile.omit),
    source: await lockSource(compile.source, deps),
  };
}

async function lockSource(source: GitSource, deps: LockDeps): Promise<LockedSource> {
  const origins: LockedOrigin[] = [];
  for (const origin of source.origins) origins.push(await lockOrigin(origin, deps));
  const { tar } = await deps.proveSource({ ...source, origins });
  return { ...source, origins, tar: { sha256: tar.digest, sizeBytes: tar.sizeBytes } };
}

async function lockOrigin(origin: SourceOrigin, deps: LockDeps): Promise<LockedOrigin> {
  if (origin.kind === "git") return origin;
  return {
    kind: "sdist",
    file: await lockSdist(origin, deps),
    folder: parseRelativePath(origin.folder),
    gitFolder: parseRelativePath(origin.gitFolder),
  };
}

function resolve(
  wish: {
    readonly wanted: readonly string[];
    readonly omit: readonly OmittedPackage[];
    readonly below: readonly LockedPackage[];
  },
  suites: readonly Suite[],
): readonly ChosenPackage[] {
  const candidates = suites.flatMap(({ records }) => records);
  const { packages } = resolvePackages({ ...wish, candidates, architecture: ARCHITECTURE });
  return packages.map((one) => chosenFrom(one, mirrorOf(one.suite, suites)));
}

/** Tools take single files out of packages; what those packages depend on is the business of the host that runs them. */
function namedAlone(names: readonly string[], suites: readonly Suite[]): readonly ChosenPackage[] {
  const records = suites.flatMap((suite) => suite.records);
  const { byName } = collectCandidates(records, { architecture: ARCHITECTURE, settled: new Map() });
  return names.map((name) => {
    const record = byName.get(name);
    if (record !== undefined) return chosenFrom(record, mirrorOf(record.suite, suites));
    throw new AppError(
      { class: "usage", code: "PACKAGE_UNKNOWN" },
      `Cannot find package "${name}": no suite of the recipe has it, expected a package's own name`,
      { hint: "Check its spelling and the recipe's suites", fields: { package: name } },
    );
  });
}

function mirrorOf(suite: string, suites: readonly Suite[]): ChosenPackage["mirror"] {
  const found = suites.find(({ release }) => release.suite === suite);
  if (found === undefined) throw new Error(`No such suite was read: ${suite}`);
  return found.release.mirror;
}

function keepReleases(lock: Lock, previous: Lock | undefined): Lock {
  if (previous === undefined || inputsOf(previous) !== inputsOf(lock)) return lock;
  return { ...lock, releases: previous.releases, epoch: previous.epoch };
}

/** All that a lock names but for its releases, and the suites that those are of. */
function inputsOf({ packages, compile, npm, wheels, releases }: Lock): string {
  const suites = releases.map(({ suite }) => suite);
  return canonicalJson({ packages, compile, npm, wheels, suites } satisfies Json);
}

function sortedOmits(omit: readonly OmittedPackage[] = []): readonly OmittedPackage[] {
  return [...omit].sort(byKey((one) => one.package));
}

/** Read back as every later stage will read it, so that nothing is written that they refuse. */
function asWritten(lock: Lock): Lock {
  return parseLock(readableJson(lock satisfies Json), `${lock.name}/lock.json`);
}
