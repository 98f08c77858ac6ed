/** The one stage that runs anything: our script, on the locked source, in a root made of locked packages, without a network. */
import { join } from "node:path";
import { canonicalJson } from "../../shared/canonical-json.ts";
import { digestOf, hexOf, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import type { Reporter } from "../../shared/reporter.ts";
import { withScratch } from "../../shared/store/scratch.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Tree } from "../assemble/tree.ts";
import { FORMAT } from "../format.ts";
import type { LockedCompile, LockedPackage } from "../lock/lock.ts";
import type { CompileRecipe } from "../recipe/recipe.ts";
import { readOwnSources, type OwnSources } from "./own-sources.ts";
import { asCompiled, collectCompiled, toTree, type CompiledFile } from "./compiled.ts";
import { runInSandbox } from "./run-in-sandbox.ts";
import { requireSandbox } from "./sandbox.ts";
import { readSourceTree, type SourceSnapshot } from "./source-snapshot.ts";

export type CompileInput = {
  readonly compile: CompileRecipe;
  /** images/<name>, where the script and the launcher's sources lie. */
  readonly folder: string;
  readonly lock: LockedCompile;
  /** The date of every file in the result; the compiled bytes do not depend on it. */
  readonly epoch: number;
  /** `one` compiles the AVX2 backend alone, with the same bytes as in `all`. */
  readonly backends: "all" | "one";
  readonly ignoreCache: boolean;
};

export type CompileDeps = {
  readonly store: Store;
  readonly reporter: Reporter;
  /** Compiler processes at a time. */
  readonly jobs: number;
  readonly signal?: AbortSignal;
  /** assemble's two: the root that these packages make, and a tree as files on disk. */
  assembleRoot(packages: readonly LockedPackage[]): Promise<Tree>;
  materialize(tree: Tree, folder: string): Promise<void>;
};

export type CompiledImage = {
  /** The files below the recipe's destination, with its parents. */
  readonly tree: Tree;
  /** Digest of everything that the result depends on. */
  readonly key: Digest;
};

/**
 * Takes the result from the store where the same inputs were compiled before, unless `ignoreCache`.
 * Throws AppError COMPILE_FAILED (engine) with the end of the script's output, SANDBOX_MISSING and SANDBOX_REFUSED (preflight),
 * SOURCE_NOT_FETCHED (unavailable), COMPILE_INPUT_INVALID (usage), COMPILE_RESULT_INVALID (engine), and the signal's reason.
 */
export async function compileImage(input: CompileInput, deps: CompileDeps): Promise<CompiledImage> {
  const own = await readOwnSources(input.folder, input.compile);
  const key = keyOf(input, own);
  const known = input.ignoreCache
    ? undefined
    : await asCompiled(await deps.store.recall("compile", key), deps.store);
  const files = known ?? (await compileAnew(input, own, deps));
  if (known === undefined) await deps.store.remember("compile", key, files);
  return { tree: toTree(files, input.compile.destination, input.epoch), key };
}

function keyOf({ lock, backends }: CompileInput, own: OwnSources): Digest {
  return digestOf(
    canonicalJson({
      format: FORMAT,
      backends,
      commit: lock.source.commit,
      source: lock.source.tar.sha256,
      packages: lock.packages.map(({ sha256 }) => sha256),
      script: digestOf(own.script),
      launcher: own.launcher.map(({ name, bytes }) => ({ name, sha256: digestOf(bytes) })),
    }),
  );
}

async function compileAnew(
  input: CompileInput,
  own: OwnSources,
  deps: CompileDeps,
): Promise<readonly CompiledFile[]> {
  await requireSandbox();
  const source = await openSource(input.lock, deps.store);
  deps.reporter.step("Assemble the compiler's root");
  const root = await deps.assembleRoot(input.lock.packages);
  return await withScratch(deps.store, "compile", async (scratch) => {
    const folders = {
      root: join(scratch, "root"),
      source: join(scratch, "source"),
      own: join(scratch, "own"),
      objects: join(scratch, "objects"),
      out: join(scratch, "out"),
    };
    await deps.materialize(root, folders.root);
    await deps.materialize(source.tree, folders.source);
    await runInSandbox(
      { folders, own, log: `${scratch}.log`, environment: environmentOf(input, source, deps) },
      deps,
    );
    return await collectCompiled(folders.out, deps.store);
  });
}

async function openSource({ source }: LockedCompile, store: Store): Promise<SourceSnapshot> {
  if (await store.has(source.tar.sha256)) return await readSourceTree(source.tar.sha256, store);
  throw new AppError(
    { class: "unavailable", code: "SOURCE_NOT_FETCHED" },
    `Cannot compile commit ${source.commit}: its source ${hexOf(source.tar.sha256)} is not in the store`,
    { hint: "Run `cloister fetch`", fields: { commit: source.commit, expected: source.tar.sha256 } },
  );
}

/** The date that the compiler may see is the source's: a lock renewed for other packages then still hits the cache. */
function environmentOf(
  input: CompileInput,
  source: SourceSnapshot,
  deps: CompileDeps,
): Readonly<Record<string, string>> {
  return {
    JOBS: String(deps.jobs),
    COMMIT: input.lock.source.commit.slice(0, 12),
    SOURCE_DATE_EPOCH: String(source.date),
    VARIANTS: input.backends,
  };
}
