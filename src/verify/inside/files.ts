/**
 * Compares the root that process 1 sees with the image's file list: every path, its kind, mode, owner and bytes, and nothing besides.
 * What the engine and the stack put there is left out by name, each with its reason.
 */
import { lstat, readdir, readlink } from "node:fs/promises";
import type { ImageFile } from "../../shared/appliance/manifest.ts";
import { type Digest } from "../../shared/digest.ts";
import { isErrno } from "../../shared/errors.ts";
import { hashFile } from "../../shared/hash-file.ts";
import { compareCodeUnits } from "../../shared/order.ts";
import { inconclusive, judgeFaults, plural, summarize, type Check, type Question } from "../check.ts";
import type { InsidePlan } from "./plan.ts";

const QUESTION: Question = {
  id: "image-files",
  title: "The container's files are the image's, byte for byte",
  where: "inside",
  expected: "every listed path with its kind, mode, owner and sha256, and no other path",
};

/** A path as it was found; the sha256 is missing where the file could not be read. */
export type FoundFile = {
  readonly path: string;
  readonly kind: ImageFile["kind"] | "other";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sha256?: Digest;
  readonly target?: string;
};

/** `closed`: folders that this user may not list. */
export type FoundTree = { readonly files: readonly FoundFile[]; readonly closed: readonly string[] };

/** `hidden`: paths that this user may not read; they are compared from the host. */
export type FilesLook = { readonly check: Check; readonly hidden: readonly string[] };

/** What engines put into each container, and why it differs from host to host. */
const ENGINE_MADE: ReadonlyMap<string, string> = new Map([
  ["proc", "kernel view"],
  ["sys", "kernel view"],
  ["dev", "devices made by the engine"],
  [".dockerenv", "mark of Docker"],
  ["run/.containerenv", "mark of Podman"],
  ["etc/hosts", "written by the engine"],
  ["etc/hostname", "written by the engine"],
  ["etc/resolv.conf", "written by the engine, judged by the name checks"],
  ["etc/mtab", "link to /proc/mounts made by the engine"],
]);

export async function checkFiles(plan: InsidePlan, root = "/proc/1/root"): Promise<FilesLook> {
  return judgeFiles(plan, await readTree(root, leftOut(plan)));
}

export function judgeFiles(plan: Pick<InsidePlan, "files" | "mounts">, found: FoundTree): FilesLook {
  const skipped = leftOut(plan);
  const listed = plan.files.filter(({ path }) => !isWithinAny(path, skipped));
  if (listed.length === 0 || found.files.length === 0) {
    const observed = `${found.files.length} paths seen, ${plan.files.length} listed`;
    return {
      check: inconclusive(QUESTION, { observed, reason: "There was nothing to compare" }),
      hidden: [],
    };
  }
  const unread = found.files.filter(({ kind, sha256 }) => kind === "file" && sha256 === undefined);
  const hidden = [...unread.map(({ path }) => path), ...found.closed].sort(compareCodeUnits);
  const engineFolders = new Set(skipped.flatMap(parentsOf));
  const open = listed.filter(({ path }) => !isBelowAny(path, found.closed));
  const faults = compareFiles(open, found.files).filter(
    ({ path, fault }) => !(fault === UNLISTED && engineFolders.has(path)),
  );
  const elsewhere = hidden.length === 0 ? "" : `; compared from the host: ${summarize(hidden)}`;
  const check = judgeFaults(
    QUESTION,
    faults.map(({ path, fault }) => `${path} ${fault}`),
    {
      observed: `${plural(open.length, "path")} equal; left out: ${summarize(skipped)}${elsewhere}`,
      reason:
        "Hashed through process 1's root; what is left out is the kernel's, the engine's or a planned mount",
    },
  );
  return { check, hidden };
}

export type FileFault = { readonly path: string; readonly fault: string };

const UNLISTED = "is not listed";

/** What was listed and is not so, and what is there and not listed. Bytes are compared where they could be read. */
export function compareFiles(
  listed: readonly ImageFile[],
  found: readonly FoundFile[],
): readonly FileFault[] {
  const byPath = new Map(found.map((file) => [file.path, file]));
  const known = new Set(listed.map(({ path }) => path));
  return [
    ...listed.flatMap((file) =>
      faultsOf(file, byPath.get(file.path)).map((fault) => ({ path: file.path, fault })),
    ),
    ...found.flatMap(({ path }) => (known.has(path) ? [] : [{ path, fault: UNLISTED }])),
  ];
}

function faultsOf(listed: ImageFile, found: FoundFile | undefined): readonly string[] {
  if (found === undefined) return ["is missing"];
  if (found.kind !== listed.kind) return [`is a ${found.kind}, not a ${listed.kind}`];
  const faults: string[] = [];
  if (found.mode !== listed.mode && listed.kind !== "symlink")
    faults.push(`has mode ${found.mode.toString(8)}, not ${listed.mode.toString(8)}`);
  if (found.uid !== listed.uid || found.gid !== listed.gid)
    faults.push(`belongs to ${found.uid}:${found.gid}, not ${listed.uid}:${listed.gid}`);
  if (found.target !== listed.target) faults.push(`leads to ${found.target}, not ${listed.target}`);
  if (found.sha256 !== undefined && found.sha256 !== listed.sha256) faults.push("has other bytes");
  return faults;
}

function leftOut(plan: Pick<InsidePlan, "mounts">): readonly string[] {
  return [...ENGINE_MADE.keys(), ...plan.mounts.map(({ path }) => path.slice(1))].sort(compareCodeUnits);
}

/** Folders that the engine makes on the way to a mount. */
function parentsOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function isWithinAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

function isBelowAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(`${folder}/`));
}

async function readTree(root: string, skipped: readonly string[]): Promise<FoundTree> {
  const files: FoundFile[] = [];
  const closed: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const names = await readFolder(`${root}/${folder}`);
    if (names === undefined && folder === "") throw new Error("The root cannot be listed");
    if (names === undefined) closed.push(folder);
    for (const name of names ?? []) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (isWithinAny(path, skipped)) continue;
      const file = await readEntry(root, path);
      files.push(file);
      if (file.kind === "directory") folders.push(path);
    }
  }
  return { files, closed };
}

/** undefined for a folder that this user may not list. */
async function readFolder(path: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(path)).sort(compareCodeUnits);
  } catch (error) {
    if (isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

async function readEntry(root: string, path: string): Promise<FoundFile> {
  const stats = await lstat(`${root}/${path}`);
  const metadata = { path, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
  if (stats.isDirectory()) return { ...metadata, kind: "directory" };
  if (stats.isSymbolicLink())
    return { ...metadata, kind: "symlink", target: await readlink(`${root}/${path}`) };
  if (!stats.isFile()) return { ...metadata, kind: "other" };
  const sha256 = await hashIfReadable(`${root}/${path}`);
  return { ...metadata, kind: "file", ...(sha256 === undefined ? {} : { sha256 }) };
}

async function hashIfReadable(path: string): Promise<Digest | undefined> {
  try {
    return (await hashFile(path)).digest;
  } catch (error) {
    if (isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}
