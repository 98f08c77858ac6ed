/** What an engine has after a load, against what appliance.json promises: "Loaded image" alone proves nothing. */
import type { ApplianceImage, ApplianceManifest } from "../shared/appliance/manifest.ts";
import type { Engine, EngineInfo } from "../shared/engine/engine.ts";
import { AppError } from "../shared/errors.ts";

export type LoadedImage = {
  readonly name: string;
  readonly reference: string;
  /** The number that this engine shows as the image's ID. */
  readonly id: string;
};

const START_TIMEOUT_MS = 60_000;

/** Throws AppError IDENTITY_DIFFERS (identity) with everything that differs. */
export async function compareIdentities(
  manifest: ApplianceManifest,
  engine: Engine,
  info: EngineInfo,
): Promise<readonly LoadedImage[]> {
  const faults: string[] = [];
  const loaded: LoadedImage[] = [];
  for (const image of manifest.images) {
    const found = await engine.image(image.reference);
    const expected = idOf(image, info);
    if (found === undefined) {
      faults.push(`"${image.reference}" is not there`);
      continue;
    }
    if (found.id !== expected)
      faults.push(`"${image.reference}" has the ID ${found.id}, expected ${expected}`);
    if (found.diffIds.join() !== image.diffIds.join())
      faults.push(
        `"${image.reference}" has the layers ${found.diffIds.join(", ")}, expected ${image.diffIds.join(", ")}`,
      );
    loaded.push({ name: image.name, reference: image.reference, id: found.id });
  }
  if (faults.length === 0) return loaded;
  throw new AppError(
    { class: "identity", code: "IDENTITY_DIFFERS" },
    `Cannot take the engine's images for the appliance's: ${faults.join("; ")}`,
    {
      hint: "Somebody gave the names to other images: remove those from the engine, and load the appliance again",
      fields: { faults },
    },
  );
}

/** A containerd store can show the right ID for an image whose layers it never unpacked: only a start proves them. */
export async function startEach(
  manifest: ApplianceManifest,
  engine: Engine,
  signal: AbortSignal,
): Promise<void> {
  for (const image of manifest.images) {
    const name = `cloister-load-${image.name}`;
    await engine.removeContainer(name);
    const { exitCode, stderr } = await engine.runOnce({
      name,
      reference: image.reference,
      network: "none",
      timeoutMs: START_TIMEOUT_MS,
      signal,
    });
    if (exitCode === 0) continue;
    throw new AppError(
      { class: "identity", code: "IMAGE_DOES_NOT_START" },
      `Cannot start "${image.reference}": it ended with exit code ${exitCode}, expected 0: ${stderr.slice(-500).trim()}`,
      { fields: { reference: image.reference, exitCode } },
    );
  }
}

function idOf(image: ApplianceImage, info: EngineInfo): string {
  return info.store === "containerd" ? image.manifestDigest : image.configDigest;
}
