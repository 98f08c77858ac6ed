import { createHasher } from "../shared/digest.ts";
import { isErrno } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import { hashFile } from "../shared/hash-file.ts";
import { safeJoin } from "../shared/relative-path.ts";
import { notIntact, type CheckedAppliance } from "./check-appliance.ts";
import type { Appliance, CarriedFile } from "./open-appliance.ts";

/** The image layers go to the engine; everything else stays as files. */
export function keptFiles(appliance: Appliance): readonly CarriedFile[] {
  return appliance.entries.filter(({ path }) => !path.startsWith("images/"));
}

/** Writes them below `folder`, each hashed on its way. Throws APPLIANCE_NOT_INTACT (integrity), DISK_FULL (preflight). */
export async function extractFiles(
  appliance: Appliance,
  checked: CheckedAppliance,
  to: { readonly folder: string; readonly signal: AbortSignal; onBytes(bytes: number): void },
): Promise<void> {
  for (const file of keptFiles(appliance)) {
    const hasher = createHasher();
    const content = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of appliance.read(file.path)) {
        to.signal.throwIfAborted();
        hasher.update(chunk);
        to.onBytes(chunk.length);
        yield chunk;
      }
      const expected = checked.sums.get(file.path);
      const { digest } = hasher.finish();
      if (expected !== undefined && digest !== expected)
        throw notIntact(appliance, [`"${file.path}" has ${digest}, expected ${expected}`]);
    };
    await writeFileWhole(safeJoin(to.folder, file.path), content(), file.executable ? 0o755 : 0o644);
  }
}

/** Whether `folder` still holds what was written there, every byte of it. */
export async function areKept(
  appliance: Appliance,
  checked: CheckedAppliance,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<boolean> {
  for (const { path } of keptFiles(appliance)) {
    const expected = checked.sums.get(path);
    if (expected === undefined) continue;
    try {
      if ((await hashFile(safeJoin(folder, path), signal)).digest !== expected) return false;
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return false;
      throw error;
    }
  }
  return true;
}
