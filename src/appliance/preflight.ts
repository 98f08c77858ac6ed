/** Whether this host can take the appliance: everything is looked at, and everything that is missing is named at once. */
import { stat, statfs } from "node:fs/promises";
import type { ApplianceManifest } from "../shared/appliance/manifest.ts";
import type { EngineInfo } from "../shared/engine/engine.ts";
import { AppError, isErrno } from "../shared/errors.ts";
import { modelSocket } from "./state.ts";

export type PreflightInput = {
  readonly manifest: ApplianceManifest;
  readonly engine: EngineInfo;
  readonly stateRoot: string;
  /** What will be written to the state folder, which is there. */
  readonly stateBytes: number;
};

/** sun_path of unix(7), its final NUL included. */
const SOCKET_PATH_BYTES = 108;
const UNUSABLE = /[:\n\r]/;
/** Engines unpack the tar beside the layers before they take it. */
const ENGINE_FACTOR = 2;

/** Throws AppError NOT_FIT (preflight). */
export async function assertFit(input: PreflightInput): Promise<void> {
  const { manifest, engine, stateRoot } = input;
  const faults: string[] = [];
  const minimum = manifest.engine.minimumApiVersion;
  if (compareApiVersions(engine.apiVersion, minimum) < 0)
    faults.push(`the engine speaks API ${engine.apiVersion}, expected at least ${minimum}`);
  if (engine.architecture !== manifest.architecture)
    faults.push(`the engine is for ${engine.architecture}, expected ${manifest.architecture}`);
  const socket = modelSocket(stateRoot);
  if (Buffer.byteLength(socket) >= SOCKET_PATH_BYTES)
    faults.push(
      `the socket path "${socket}" has ${Buffer.byteLength(socket)} bytes, expected less than ${SOCKET_PATH_BYTES}`,
    );
  const unusable = UNUSABLE.exec(stateRoot)?.[0];
  if (unusable !== undefined)
    faults.push(
      `the path of the state folder has ${JSON.stringify(unusable)} in it, expected nothing that splits mounts or lines`,
    );
  faults.push(
    ...(await shortOfSpace([
      { path: stateRoot, neededBytes: input.stateBytes },
      { path: engine.dataRoot, neededBytes: ENGINE_FACTOR * manifest.totals.imageBytes },
    ])),
  );
  if (faults.length === 0) return;
  throw new AppError({ class: "preflight", code: "NOT_FIT" }, `Cannot load here: ${faults.join("; ")}`, {
    hint: "Nothing was changed. --state names another folder, --engine another engine",
    fields: { faults },
  });
}

/** Negative where `a` is older: "1.9" is older than "1.41". */
function compareApiVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

type Need = { readonly path: string; readonly neededBytes: number };

/** Folders on one disk need its space together. */
async function shortOfSpace(needs: readonly Need[]): Promise<readonly string[]> {
  const disks = new Map<number, Need & { readonly freeBytes: number }>();
  for (const { path, neededBytes } of needs) {
    const disk = await diskOf(path);
    if (disk === undefined) continue;
    const other = disks.get(disk.device);
    disks.set(disk.device, {
      path: other === undefined ? path : `${other.path}" and "${path}`,
      neededBytes: neededBytes + (other?.neededBytes ?? 0),
      freeBytes: disk.freeBytes,
    });
  }
  return [...disks.values()]
    .filter(({ freeBytes, neededBytes }) => freeBytes < neededBytes)
    .map(
      ({ path, freeBytes, neededBytes }) => `"${path}" has ${freeBytes} bytes free, expected ${neededBytes}`,
    );
}

/** An engine's data root may lie where this process cannot look: then nothing is said. */
async function diskOf(
  path: string,
): Promise<{ readonly device: number; readonly freeBytes: number } | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return { device: (await stat(path)).dev, freeBytes: bavail * bsize };
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}
