/**
 * Where an air-gapped host keeps what it was brought:
 *
 *   releases/<id>/     everything of one appliance but its image layers, release.json written last
 *   current            a symbolic link to the release that `up` starts
 *   run/               what the running stack has: gateway.json, and the Unix sockets below model/, gateway/ and witness/
 *   audit/             settings.json, log/, keys/ and witness/: what outlives every release
 *   clients/           keys of clients, each in a file of its own
 *   busy.<owner>       who changes this folder now
 */
import { mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ApplianceManifest } from "../shared/appliance/manifest.ts";
import { hexOf, type Digest } from "../shared/digest.ts";
import { AppError, isErrno } from "../shared/errors.ts";
import { compareCodeUnits } from "../shared/order.ts";
import { compileSchema, type Validator } from "../shared/schema.ts";
import { isAlive, ownOwner } from "../shared/store/owner.ts";

export type Release = {
  readonly format: 1;
  readonly id: string;
  /** Digest of appliance.json. */
  readonly manifestDigest: Digest;
};

const DEFAULT_ROOT = "/var/lib/cloister";
const RELEASE_FILE = "release.json";
const BUSY = "busy.";

const isRelease: Validator<Release> = compileSchema<Release>({
  type: "object",
  additionalProperties: false,
  required: ["format", "id", "manifestDigest"],
  properties: { format: { const: 1 }, id: { type: "string" }, manifestDigest: { type: "string" } },
});

/** --state, else CLOISTER_STATE, else /var/lib/cloister. */
export function stateRoot(given: string | undefined, env: NodeJS.ProcessEnv): string {
  return given ?? env["CLOISTER_STATE"] ?? DEFAULT_ROOT;
}

/** Two appliances of one version are two releases where a byte of them differs. */
export function releaseId(manifest: Pick<ApplianceManifest, "version">, manifestDigest: Digest): string {
  return `${manifest.version}-${hexOf(manifestDigest).slice(0, 12)}`;
}

export function releaseFolder(root: string, id: string): string {
  return join(root, "releases", id);
}

export function runFolder(root: string): string {
  return join(root, "run");
}

/** Where this host talks to the gateway. */
export function gatewaySocket(root: string): string {
  return join(root, "run/gateway/gateway.sock");
}

export function modelSocket(root: string): string {
  return join(root, "run/model/llama.sock");
}

export function witnessSocket(root: string): string {
  return join(root, "run/witness/witness.sock");
}

export function auditFolder(root: string): string {
  return join(root, "audit");
}

export function auditLogFolder(root: string): string {
  return join(root, "audit/log");
}

export function clientsFolder(root: string): string {
  return join(root, "clients");
}

/** undefined where there is no such release, or where loading it never came to its end. */
export async function readRelease(root: string, id: string): Promise<Release | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(releaseFolder(root, id), RELEASE_FILE), "utf8"));
    return isRelease(value) && value.id === id ? value : undefined;
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR") || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

/** Sorted by id. */
export async function listReleases(root: string): Promise<readonly Release[]> {
  const names = await readdir(join(root, "releases")).catch(orNothing);
  const releases = await Promise.all([...names].sort(compareCodeUnits).map((id) => readRelease(root, id)));
  return releases.filter((release) => release !== undefined);
}

/** Throws AppError NO_RELEASE (preflight). */
export async function currentRelease(root: string): Promise<Release> {
  const target = await readlink(join(root, "current")).catch((error: unknown) => {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return "";
    throw error;
  });
  const release = target === "" ? undefined : await readRelease(root, basename(target));
  if (release !== undefined) return release;
  throw new AppError(
    { class: "preflight", code: "NO_RELEASE" },
    `Cannot go on in "${root}": no appliance is loaded there`,
    { hint: "cloister load APPLIANCE", fields: { path: root } },
  );
}

/** Switches to a release in one step: whoever reads `current` sees the one before or this one. */
export async function switchTo(root: string, id: string): Promise<void> {
  const fresh = join(root, `current.${await ownOwner()}`);
  await rm(fresh, { force: true });
  await symlink(join("releases", id), fresh);
  await rename(fresh, join(root, "current"));
}

/** Lets one process at a time change the folder; what dead ones left does not count. Throws AppError STATE_BUSY (preflight). */
export async function withState<T>(root: string, use: () => Promise<T>): Promise<T> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  const owner = await ownOwner();
  const own = `${BUSY}${owner}`;
  try {
    await writeFile(join(root, own), "", { flag: "wx" });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw busy(root, owner);
  }
  try {
    await assertAlone(root, own);
    return await use();
  } finally {
    await rm(join(root, own), { force: true });
  }
}

/**
 * Everybody has claimed the folder before looking at the other claims: of two that come at once, one at least sees the other, and
 * where both do, both are refused. No claim is ever taken over, so that nobody can take over a living one.
 */
async function assertAlone(root: string, own: string): Promise<void> {
  const claims = (await readdir(root)).filter((name) => name.startsWith(BUSY) && name !== own);
  for (const name of claims.sort(compareCodeUnits)) {
    const other = name.slice(BUSY.length);
    if (await isAlive(other)) throw busy(root, other);
    await rm(join(root, name), { force: true });
  }
}

function busy(root: string, owner: string): AppError {
  return new AppError(
    { class: "preflight", code: "STATE_BUSY" },
    `Cannot change "${root}" now: process ${owner.split("-")[0] ?? ""} is at it`,
    { hint: "Wait until it has ended", fields: { path: root } },
  );
}

function orNothing(error: unknown): readonly string[] {
  if (isErrno(error, "ENOENT")) return [];
  throw error;
}
