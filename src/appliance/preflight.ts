/** Whether this host can take the appliance: everything is looked at, and everything that is missing is named at once. */
import { mkdir, statfs } from "node:fs/promises";
import type { ApplianceManifest } from "../shared/appliance/manifest.ts";
import type { EngineInfo } from "../shared/engine/engine.ts";
import { AppError, isErrno } from "../shared/errors.ts";
import { modelSocket } from "./state.ts";

export type PreflightInput = {
  readonly manifest: ApplianceManifest;
  readonly engine: EngineInfo;
  readonly stateRoot: string;
  /** What will be written to the state folder. */
  readonly stateBytes: number;
};

/** sun_path of unix(7), its final NUL included. */
const SOCKET_PATH_BYTES = 108;
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
  await mkdir(stateRoot, { recursive: true });
  faults.push(...(await shortOfSpace(stateRoot, input.stateBytes)));
  faults.push(...(await shortOfSpace(engine.dataRoot, ENGINE_FACTOR * manifest.totals.imageBytes)));
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

/** An engine's data root may lie where this process cannot look: then nothing is said. */
async function shortOfSpace(path: string, neededBytes: number): Promise<readonly string[]> {
  try {
    const { bavail, bsize } = await statfs(path);
    const freeBytes = bavail * bsize;
    return freeBytes >= neededBytes ? [] : [`"${path}" has ${freeBytes} bytes free, expected ${neededBytes}`];
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "EACCES")) return [];
    throw error;
  }
}
