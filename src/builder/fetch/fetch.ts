/** Fills the store with all that locks name. What is there already is not asked for: a second run contacts nobody. */
import { download } from "../../shared/download.ts";
import { AppError } from "../../shared/errors.ts";
import type { Http } from "../../shared/http.ts";
import { forEachBounded } from "../../shared/pool.ts";
import type { Reporter } from "../../shared/reporter.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import type { Lock, LockedFile } from "../lock/lock.ts";
import { wantedInputs, type WantedFile, type WantedSource } from "./inputs.ts";
import { openProgress, type Progress } from "./progress.ts";
import { proveSource } from "./source/prove-source.ts";
import { inputsVanished } from "./vanished.ts";

export type FetchDeps = {
  readonly store: Store;
  readonly http: Http;
  /** Where a file lies on this machine's mirrors; HTTP_NOT_FOUND for one that an index no longer lists. */
  readonly addressOf: (file: LockedFile) => Promise<string>;
  readonly reporter: Reporter;
  /** For git, where a source comes from a clone: its own settings and the proxies. */
  readonly env: NodeJS.ProcessEnv;
  /** Downloads at a time. */
  readonly jobs: number;
  readonly signal?: AbortSignal;
};

/** In files, a proven source counting as one; `sizeBytes` is what came over the network. */
export type Fetched = {
  readonly downloaded: number;
  readonly alreadyThere: number;
  readonly sizeBytes: number;
};

/**
 * Throws AppError INPUT_VANISHED (unavailable) for all packages and files that the mirrors no longer have, once the others are there; SIZE_MISMATCH
 * and DIGEST_MISMATCH (integrity) at once; what addressOf, proveSource, `Http` and the store throw.
 */
export async function fetchInputs(locks: readonly Lock[], deps: FetchDeps): Promise<Fetched> {
  const { files, sources } = wantedInputs(locks);
  const absentFiles = await absentOf(files, deps.store);
  const absentSources: WantedSource[] = [];
  for (const one of sources) {
    if (!(await deps.store.has(one.source.tar.sha256))) absentSources.push(one);
  }
  const absentSdists = await absentOf(
    absentSources.flatMap(({ sdists }) => sdists.slice(0, 1)),
    deps.store,
  );

  const progress = openProgress([...absentFiles, ...absentSdists], deps.reporter);
  const vanished = await fetchFiles(absentFiles, progress, deps);
  if (vanished.length > 0) throw inputsVanished(vanished);
  for (const one of absentSources) await fetchSource(one, progress, deps);
  return {
    downloaded: absentFiles.length + absentSources.length,
    alreadyThere: files.length + sources.length - absentFiles.length - absentSources.length,
    sizeBytes: progress.doneBytes(),
  };
}

async function absentOf(files: readonly WantedFile[], store: Store): Promise<readonly WantedFile[]> {
  const absent: WantedFile[] = [];
  for (const wanted of files) {
    if (!(await store.has(wanted.file.sha256))) absent.push(wanted);
  }
  return absent;
}

/** What the mirrors no longer have. */
async function fetchFiles(
  files: readonly WantedFile[],
  progress: Progress,
  deps: FetchDeps,
): Promise<readonly WantedFile[]> {
  const vanished = new Set<WantedFile>();
  await forEachBounded(files, deps.jobs, async (wanted) => {
    try {
      await fetchFile(wanted, progress, deps);
    } catch (error) {
      if (!isCode(error, "HTTP_NOT_FOUND")) throw error;
      vanished.add(wanted);
    }
  });
  return files.filter((wanted) => vanished.has(wanted));
}

async function fetchFile({ file, label }: WantedFile, progress: Progress, deps: FetchDeps): Promise<void> {
  deps.signal?.throwIfAborted();
  const expected: StoredBlob = { digest: file.sha256, sizeBytes: file.sizeBytes };
  const onProgress = (receivedBytes: number) => progress.update(file.sha256, { receivedBytes, label });
  await download({ url: await deps.addressOf(file), expected, onProgress }, deps);
}

/** Origins stand in for one another: one that is not to be had is left to the next, which proveSource tries. */
async function fetchSource(
  { source, sdists }: WantedSource,
  progress: Progress,
  deps: FetchDeps,
): Promise<void> {
  for (const sdist of sdists) {
    if (await deps.store.has(sdist.file.sha256)) break;
    try {
      await fetchFile(sdist, progress, deps);
      break;
    } catch (error) {
      if (!(error instanceof AppError) || (error.class !== "unavailable" && error.code !== "MIRROR_UNKNOWN"))
        throw error;
      deps.reporter.note(error.message);
    }
  }
  await proveSource(source, deps);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof AppError && error.code === code;
}
