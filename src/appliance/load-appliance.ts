/** From the carried tar to a registered release: all of it, or nothing that was not there before. */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readableJson } from "../shared/canonical-json.ts";
import type { Engine, EngineInfo } from "../shared/engine/engine.ts";
import { writeFileWhole } from "../shared/file.ts";
import type { Reporter } from "../shared/reporter.ts";
import { diskError } from "../shared/store/store.ts";
import { assertPromised, readPromises, type CheckedAppliance } from "./check-appliance.ts";
import { areKept, extractFiles, keptFiles } from "./extract.ts";
import { imagesTar } from "./images-tar.ts";
import { compareIdentities, startEach, type LoadedImage } from "./loaded-images.ts";
import type { Appliance } from "./open-appliance.ts";
import { assertFit } from "./preflight.ts";
import { readRelease, releaseFolder, releaseId, switchTo, withState, type Release } from "./state.ts";

export type LoadInput = { readonly appliance: Appliance; readonly stateRoot: string };
export type LoadDeps = { readonly engine: Engine; readonly reporter: Reporter; readonly signal: AbortSignal };

export type Loaded = {
  readonly release: Release;
  readonly images: readonly LoadedImage[];
  readonly engine: EngineInfo;
  /** `again`: it was there already, and was compared once more. */
  readonly how: "loaded" | "again";
};

const PARTIAL = ".part";

/**
 * Throws AppError NOT_FIT, STATE_BUSY, ENGINE_ABSENT, DISK_FULL (preflight); APPLIANCE_NOT_INTACT (integrity); ENGINE_LOST,
 * ENGINE_REFUSED (engine); IDENTITY_DIFFERS, IMAGE_DOES_NOT_START (identity). Images that the engine did not have before are
 * removed from it then, as far as it still answers.
 */
export async function loadAppliance(input: LoadInput, deps: LoadDeps): Promise<Loaded> {
  const { appliance, stateRoot } = input;
  const checked = await readPromises(appliance);
  await assertPromised(appliance, checked);
  const info = await deps.engine.info();
  try {
    return await withState(stateRoot, () => loadChecked({ ...input, checked, info }, deps));
  } catch (error) {
    throw diskError(error, stateRoot);
  }
}

type CheckedInput = LoadInput & { readonly checked: CheckedAppliance; readonly info: EngineInfo };

async function loadChecked(input: CheckedInput, deps: LoadDeps): Promise<Loaded> {
  const { appliance, stateRoot, checked, info } = input;
  const id = releaseId(checked.manifest, checked.manifestDigest);
  const known = await readRelease(stateRoot, id);
  const kept = { folder: releaseFolder(stateRoot, id), signal: deps.signal };
  if (
    known !== undefined &&
    (await hasAll(checked, deps.engine)) &&
    (await areKept(appliance, checked, kept))
  ) {
    const images = await compareIdentities(checked.manifest, deps.engine, info);
    await switchTo(stateRoot, id);
    return { release: known, images, engine: info, how: "again" };
  }
  const stateBytes = keptFiles(appliance).reduce((sum, file) => sum + file.sizeBytes, 0);
  await assertFit({ manifest: checked.manifest, engine: info, stateRoot, stateBytes });
  return await loadFresh({ ...input, id }, deps);
}

type FreshInput = CheckedInput & { readonly id: string };

async function loadFresh(input: FreshInput, deps: LoadDeps): Promise<Loaded> {
  const { checked, stateRoot, id, info } = input;
  const folder = releaseFolder(stateRoot, id);
  const partial = `${folder}${PARTIAL}`;
  const before = new Set<string>();
  for (const { reference } of checked.manifest.images)
    if ((await deps.engine.image(reference)) !== undefined) before.add(reference);
  await clearPartials(dirname(folder));
  await mkdir(partial, { recursive: true });
  try {
    await moveBytes(input, partial, deps);
    deps.reporter.step("Compare what the engine has with what was promised");
    const images = await compareIdentities(checked.manifest, deps.engine, info);
    await startEach(checked.manifest, deps.engine, deps.signal);
    const release: Release = { format: 1, id, manifestDigest: checked.manifestDigest };
    await writeFileWhole(join(partial, "release.json"), readableJson(release));
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    await switchTo(stateRoot, id);
    return { release, images, engine: info, how: "loaded" };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    await takeBack(checked, before, deps);
    throw error;
  }
}

/** Nobody else loads while we hold the state folder: whoever began these is dead. */
async function clearPartials(releases: string): Promise<void> {
  await mkdir(releases, { recursive: true });
  for (const name of await readdir(releases))
    if (name.endsWith(PARTIAL)) await rm(join(releases, name), { recursive: true });
}

/** Layers into the engine and files into the folder side by side; the first that fails stops the other. */
async function moveBytes(input: FreshInput, folder: string, deps: LoadDeps): Promise<void> {
  const { appliance, checked } = input;
  const stop = new AbortController();
  const signal = AbortSignal.any([deps.signal, stop.signal]);
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    deps.reporter.progress({ label: "loaded", done, total: checked.sizeBytes, unit: "bytes" });
  };
  deps.reporter.step("Stream the images into the engine");
  const guard = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const works = [
    guard(deps.engine.loadImages(imagesTar(appliance, checked, onBytes), { signal })),
    guard(extractFiles(appliance, checked, { folder, signal, onBytes })),
  ];
  await Promise.allSettled(works);
  // Whoever failed first is the cause; the other one says the same, for that is what it was stopped with.
  await Promise.all(works);
}

async function takeBack(
  checked: CheckedAppliance,
  before: ReadonlySet<string>,
  deps: LoadDeps,
): Promise<void> {
  for (const { reference } of checked.manifest.images) {
    if (before.has(reference)) continue;
    try {
      await deps.engine.removeImage(reference);
    } catch (error) {
      // The engine that just failed may not answer; an image without a release is nothing that `up` would start.
      deps.reporter.note(`Could not remove "${reference}" from the engine: ${String(error)}`);
    }
  }
}

async function hasAll(checked: CheckedAppliance, engine: Engine): Promise<boolean> {
  for (const { reference } of checked.manifest.images)
    if ((await engine.image(reference)) === undefined) return false;
  return true;
}
