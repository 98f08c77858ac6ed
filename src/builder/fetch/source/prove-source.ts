/** The source's tree, from whichever origin has it, proven by hashing and kept in the store as one canonical tar. */
import { join } from "node:path";
import { AppError, messageOf } from "../../../shared/errors.ts";
import type { Reporter } from "../../../shared/reporter.ts";
import { withScratch } from "../../../shared/store/scratch.ts";
import type { Store, StoredBlob } from "../../../shared/store/store.ts";
import type { LockedOrigin, LockedSource } from "../../lock/lock.ts";
import { cloneSource } from "./clone.ts";
import { readSdist } from "./sdist.ts";
import { proveFiles, type SourceFiles, type SourcePin } from "./source-files.ts";

export type ProveDeps = {
  readonly store: Store;
  readonly reporter: Reporter;
  /** For git: its own settings and the proxies. */
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
};

/** A locked source, or one about to be locked, of which nobody knows the tar yet. */
export type SourceClaim = Omit<LockedSource, "tar"> & { readonly tar?: LockedSource["tar"] };

export type SourceTree = { readonly tar: StoredBlob };

/**
 * Tries the origins in order; an sdist must lie in the store already. An origin that cannot be had is noted and the next one
 * tried; one that has other bytes than the commit's stops everything. Returns at once where the locked tar is in the store.
 * Throws AppError SOURCE_UNAVAILABLE (unavailable); of class integrity: SOURCE_TAR_DIFFERS and what proveFiles and readSdist throw.
 */
export async function proveSource(source: SourceClaim, deps: ProveDeps): Promise<SourceTree> {
  const expected = source.tar;
  if (expected !== undefined && (await deps.store.has(expected.sha256)))
    return { tar: { digest: expected.sha256, sizeBytes: expected.sizeBytes } };
  const tried: string[] = [];
  for (const origin of source.origins) {
    try {
      const tar = await proveOrigin(origin, source, deps);
      if (expected !== undefined && tar.digest !== expected.sha256)
        throw tarDiffers(source, expected.sha256, tar.digest);
      return { tar };
    } catch (error) {
      if (!isAbsence(error)) throw error;
      tried.push(`${nameOf(origin)}: ${error.message}`);
      deps.reporter.note(`The source is not to be had from ${nameOf(origin)}: ${error.message}`);
    }
  }
  throw unavailable(source, tried);
}

async function proveOrigin(origin: LockedOrigin, pin: SourcePin, deps: ProveDeps): Promise<StoredBlob> {
  return await withScratch(deps.store, "source", async (scratch) =>
    proveFiles(await readOrigin({ origin, pin, scratch }, deps), pin, deps.store),
  );
}

type Reading = { readonly origin: LockedOrigin; readonly pin: SourcePin; readonly scratch: string };

async function readOrigin({ origin, pin, scratch }: Reading, deps: ProveDeps): Promise<SourceFiles> {
  deps.reporter.step(`Prove commit ${pin.commit.slice(0, 12)} from ${nameOf(origin)}`);
  if (origin.kind === "git") return await cloneSource({ url: origin.url, pin, scratch }, deps);
  if (!(await deps.store.has(origin.file.sha256))) {
    throw new AppError(
      { class: "unavailable", code: "SDIST_ABSENT" },
      `${origin.file.sha256} is not in the store`,
    );
  }
  const archive = deps.store.read(origin.file.sha256);
  return await readSdist(
    archive,
    { ...origin, name: nameOf(origin), commit: pin.commit },
    join(scratch, "unpacked"),
  );
}

function nameOf(origin: LockedOrigin): string {
  return origin.kind === "git" ? origin.url : origin.file.path;
}

/** What another origin may make good. A mismatch is not among it. */
function isAbsence(error: unknown): error is AppError {
  return error instanceof AppError && (error.class === "unavailable" || error.code === "EXEC_MISSING");
}

function tarDiffers(pin: SourcePin, expected: string, received: string): AppError {
  return new AppError(
    { class: "integrity", code: "SOURCE_TAR_DIFFERS" },
    `Cannot use the source of commit ${pin.commit}: its canonical tar is ${received}, expected ${expected}`,
    {
      fields: { commit: pin.commit, expected, received },
      hint: "The tree's SHA-1 is the pinned one and its sha256 is not: somebody made a collision, or the lock was edited",
    },
  );
}

function unavailable(pin: SourcePin, tried: readonly string[]): AppError {
  return new AppError(
    { class: "unavailable", code: "SOURCE_UNAVAILABLE" },
    `Cannot get the source of commit ${pin.commit}, tree ${pin.tree}: ${tried.map(messageOf).join("; ")}`,
    {
      fields: { commit: pin.commit, tree: pin.tree, tried },
      hint: "Run `cloister fetch` where the mirrors answer, or name another origin of the same tree in the recipe",
    },
  );
}
