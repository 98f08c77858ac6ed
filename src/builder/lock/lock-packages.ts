/** From resolved packages to locked ones: each .deb in the store, each of its maintainer scripts decided on. */
import { download } from "../../shared/download.ts";
import { AppError } from "../../shared/errors.ts";
import type { Http } from "../../shared/http.ts";
import { byKey } from "../../shared/order.ts";
import { forEachBounded } from "../../shared/pool.ts";
import type { Reporter } from "../../shared/reporter.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import type { PackageRecord } from "./debian/packages.ts";
import type { ResolvedPackage } from "./debian/resolve.ts";
import type { BoundScript, LockedPackage, MirrorName, ScriptName } from "./lock.ts";
import type { Mirrors } from "./mirrors.ts";
import { debPurl } from "./purl.ts";
import { urlBelow } from "./registry/read-document.ts";

export type PackageDeps = {
  readonly store: Store;
  readonly http: Http;
  readonly mirrors: Mirrors;
  readonly reporter: Reporter;
  /** Downloads at a time. */
  readonly jobs: number;
  readonly signal?: AbortSignal;
  /** The maintainer scripts within a .deb of the store. */
  readonly scriptsOf: (deb: StoredBlob) => Promise<ReadonlyMap<ScriptName, Uint8Array>>;
  /** Throws AppError for a script that nobody has decided on. */
  readonly decide: (
    pkg: { readonly name: string; readonly version: string },
    scripts: ReadonlyMap<ScriptName, Uint8Array>,
  ) => readonly BoundScript[];
};

export type ChosenPackage = Omit<ResolvedPackage, "section"> & { readonly mirror: MirrorName };

/** Sorted by name. Throws what `download` and `decide` throw, the latter for all packages at once. */
export async function lockPackages(
  chosen: readonly ChosenPackage[],
  deps: PackageDeps,
): Promise<readonly LockedPackage[]> {
  const locked: LockedPackage[] = [];
  const undecided: AppError[] = [];
  await forEachBounded(chosen, deps.jobs, async (one) => {
    await fetchDeb(one, deps);
    deps.reporter.progress({ label: one.name, done: locked.length, total: chosen.length, unit: "items" });
    try {
      locked.push(lockedPackage(one, await decideScripts(one, deps)));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "SCRIPT_UNDECIDED") throw error;
      undecided.push(error);
    }
  });
  refuseUndecided(undecided);
  return locked.sort(byKey(({ name }) => name));
}

/** The packages that are named, alone: nothing of them is installed, so neither dependencies nor scripts matter. */
export function lockWithoutScripts(chosen: readonly ChosenPackage[]): readonly LockedPackage[] {
  return chosen.map((one) => lockedPackage(one, [])).sort(byKey(({ name }) => name));
}

export function chosenFrom(record: PackageRecord | ResolvedPackage, mirror: MirrorName): ChosenPackage {
  const { name, version, architecture, path, sizeBytes, sha256, source, suite } = record;
  const chosen = { name, version, architecture, path, sizeBytes, sha256, source, suite, mirror };
  return "because" in record ? { ...chosen, because: record.because } : chosen;
}

async function fetchDeb(one: ChosenPackage, deps: PackageDeps): Promise<void> {
  deps.signal?.throwIfAborted();
  if (await deps.store.has(one.sha256)) return;
  const url = urlBelow(await deps.mirrors.urlOf(one.mirror), one.path);
  await download({ url, expected: { digest: one.sha256, sizeBytes: one.sizeBytes } }, deps);
}

async function decideScripts(one: ChosenPackage, deps: PackageDeps): Promise<readonly BoundScript[]> {
  const scripts = await deps.scriptsOf({ digest: one.sha256, sizeBytes: one.sizeBytes });
  return [...deps.decide(one, scripts)].sort(byKey(({ name }) => name));
}

function lockedPackage(one: ChosenPackage, scripts: readonly BoundScript[]): LockedPackage {
  const { architecture, because } = one;
  if (architecture !== "amd64" && architecture !== "all")
    throw new Error(`Not an architecture of ours: ${architecture}`);
  return {
    purl: debPurl(one),
    mirror: one.mirror,
    path: one.path,
    sha256: one.sha256,
    sizeBytes: one.sizeBytes,
    name: one.name,
    version: one.version,
    architecture,
    suite: one.suite,
    source: one.source,
    ...(because === undefined ? {} : { because }),
    scripts,
  };
}

function refuseUndecided(errors: readonly AppError[]): void {
  const [first, ...others] = [...errors].sort(byKey(({ message }) => message));
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const messages = [first, ...others].map(({ message }) => message);
  throw new AppError(
    { class: first.class, code: first.code },
    messages.join("\n"),
    first.hint === undefined
      ? { fields: { all: messages } }
      : { hint: first.hint, fields: { all: messages } },
  );
}
