import { mkdir, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { canonicalJson } from "../../shared/canonical-json.ts";
import { createHasher, digestOf, type Digest } from "../../shared/digest.ts";
import { AppError, isErrno } from "../../shared/errors.ts";
import { writeFileWhole } from "../../shared/file.ts";
import { hashFile } from "../../shared/hash-file.ts";
import type { Reporter } from "../../shared/reporter.ts";
import { asStoredBlob } from "../../shared/store/recall-blob.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import { FORMAT } from "../format.ts";
import { applianceTar, applianceTarSize } from "./appliance-tar.ts";
import type { AppliancePlan } from "./plan.ts";

export type WrittenAppliance = StoredBlob & {
  /** `kept`: the file was there already and its bytes, hashed again, are what would have been written. */
  readonly how: "written" | "kept";
};

type WriteDeps = { readonly store: Store; readonly reporter: Reporter; readonly signal?: AbortSignal };

/**
 * Writes the tar to `out`, whole or not at all. Throws DISK_FULL (preflight) before the first byte where it cannot fit, and
 * MEMBER_CHANGED (integrity).
 */
export async function writeAppliance(
  plan: AppliancePlan,
  out: string,
  deps: WriteDeps,
): Promise<WrittenAppliance> {
  const key = planDigest(plan);
  const sizeBytes = applianceTarSize(plan);
  const known = asStoredBlob(await deps.store.recall("appliance", key));
  if (known !== undefined && (await holds(out, known))) return { ...known, how: "kept" };
  await assertRoom(out, sizeBytes);
  const hasher = createHasher();
  const tar = watched(applianceTar(plan, deps), { sizeBytes, deps, see: (chunk) => hasher.update(chunk) });
  await writeFileWhole(out, tar);
  const written = hasher.finish();
  if (written.sizeBytes !== sizeBytes)
    throw new Error(`Wrote ${written.sizeBytes} bytes, planned ${sizeBytes}`);
  await deps.store.remember("appliance", key, written);
  return { ...written, how: "written" };
}

/** The digest that the tar of a plan has, without writing it anywhere. */
export async function hashAppliance(plan: AppliancePlan, deps: WriteDeps): Promise<StoredBlob> {
  const hasher = createHasher();
  const sizeBytes = applianceTarSize(plan);
  const tar = watched(applianceTar(plan, deps), { sizeBytes, deps, see: (chunk) => hasher.update(chunk) });
  while ((await tar.next()).done !== true);
  return hasher.finish();
}

/** Names every byte of the tar by way of the members' digests. */
function planDigest(plan: AppliancePlan): Digest {
  const members = plan.members.map(({ path, mode, digest, sizeBytes }) => ({
    path,
    mode,
    digest,
    sizeBytes,
  }));
  return digestOf(canonicalJson({ format: FORMAT, epoch: plan.epoch, members }));
}

async function holds(path: string, expected: StoredBlob): Promise<boolean> {
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size !== expected.sizeBytes) return false;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
  return (await hashFile(path)).digest === expected.digest;
}

async function assertRoom(out: string, sizeBytes: number): Promise<void> {
  const folder = dirname(out);
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= sizeBytes) return;
  throw new AppError(
    { class: "preflight", code: "DISK_FULL" },
    `Cannot write the appliance to "${out}": ${bavail * bsize} bytes are free, expected ${sizeBytes}`,
    {
      fields: { path: out, free: bavail * bsize, expected: sizeBytes },
      hint: "Free some space, or name another folder with --out; nothing was written",
    },
  );
}

async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  watch: { sizeBytes: number; deps: WriteDeps; see: (chunk: Uint8Array) => void },
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of chunks) {
    watch.deps.signal?.throwIfAborted();
    watch.see(chunk);
    done += chunk.length;
    watch.deps.reporter.progress({ label: "appliance", done, total: watch.sizeBytes, unit: "bytes" });
    yield chunk;
  }
}
