/** Registry files that a lock names beside packages: npm tarballs and source distributions. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { assertFound } from "../../shared/download.ts";
import { digestOf, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import type { Http, HttpResponse } from "../../shared/http.ts";
import { parseRelativePath } from "../../shared/relative-path.ts";
import type { Reporter } from "../../shared/reporter.ts";
import { recallBlob } from "../../shared/store/recall-blob.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import { showUrl } from "../../shared/url.ts";
import type { NpmFile, SourceOrigin } from "../recipe/recipe.ts";
import type { LockedFile } from "./lock.ts";
import type { Mirrors } from "./mirrors.ts";
import { npmPurl, pypiPurl } from "./purl.ts";
import { readNpmTarball } from "./registry/npm.ts";
import { normaliseProject, readProjectPage, type IndexFile } from "./registry/pypi.ts";
import { urlBelow } from "./registry/read-document.ts";

export type FileDeps = {
  readonly store: Store;
  readonly http: Http;
  readonly mirrors: Mirrors;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
};
/** What a registry promises of a file whose sha256 or size it does not tell. */
type Promised = {
  readonly algorithm: "sha256" | "sha512";
  readonly encoding: "hex" | "base64";
  readonly value: string;
};

/** Throws what the registry's description, `Http` and the store throw; DIGEST_MISMATCH (integrity). */
export async function lockNpmFile(wanted: NpmFile, deps: FileDeps): Promise<LockedFile> {
  deps.reporter.step(`Look up npm package ${wanted.package} ${wanted.version}`);
  const registry = await deps.mirrors.urlOf("npm");
  const { path, sha512 } = await readNpmTarball(registry, wanted, deps);
  const key = digestOf(`sha512-${sha512}`);
  const known = await recallBlob(deps.store, "npm-integrity", key);
  const promised: Promised = { algorithm: "sha512", encoding: "base64", value: sha512 };
  const blob = known ?? (await addPromised(urlBelow(registry, path), promised, deps));
  await deps.store.remember("npm-integrity", key, blob);
  return lockedFile(blob, { purl: npmPurl(wanted), mirror: "npm", path });
}

type Sdist = Extract<SourceOrigin, { kind: "sdist" }>;

/** Throws SDIST_UNKNOWN (usage) and what `lockNpmFile` throws. */
export async function lockSdist(origin: Sdist, deps: FileDeps): Promise<LockedFile> {
  deps.reporter.step(`Look up the source distribution of ${origin.project} ${origin.version}`);
  const project = normaliseProject(origin.project);
  const page = await readProjectPage(await deps.mirrors.urlOf("pypi"), project, deps);
  const file = page.find(({ name }) => isSdistOf(name, project, origin.version));
  if (file?.sha256 === undefined) throw sdistUnknown(origin, file);
  const blob = await sizedBlob({ ...file, sha256: file.sha256 }, deps);
  const purl = pypiPurl(project, origin.version);
  return lockedFile(blob, { purl, mirror: "pypi", path: `${project}/${file.name}` });
}

/** A file of an index page, downloaded only where the page does not tell its size. Throws DIGEST_UNKNOWN (integrity) where it tells no sha256. */
export async function lockIndexFile(
  file: IndexFile,
  where: { readonly purl: string; readonly path: string },
  deps: FileDeps,
): Promise<LockedFile> {
  const { sha256, sizeBytes } = file;
  if (sha256 === undefined) throw digestUnknown(file);
  const blob =
    sizeBytes === undefined ? await sizedBlob({ ...file, sha256 }, deps) : { digest: sha256, sizeBytes };
  return lockedFile(blob, { ...where, mirror: "pypi" });
}

function isSdistOf(name: string, project: string, version: string): boolean {
  const [, stem, own] = /^(.+)-([^-]+)\.tar\.gz$/.exec(name) ?? [];
  return stem !== undefined && normaliseProject(stem) === project && own === version;
}

async function sizedBlob(file: IndexFile & { readonly sha256: Digest }, deps: FileDeps): Promise<StoredBlob> {
  if (await deps.store.has(file.sha256)) {
    return { digest: file.sha256, sizeBytes: (await stat(deps.store.pathOf(file.sha256))).size };
  }
  const value = file.sha256.slice("sha256:".length);
  return addPromised(file.url, { algorithm: "sha256", encoding: "hex", value }, deps);
}

async function addPromised(url: string, promised: Promised, deps: FileDeps): Promise<StoredBlob> {
  const response = await deps.http.get(url, deps.signal === undefined ? {} : { signal: deps.signal });
  assertFound(response);
  return deps.store.add(checked(response, promised, deps.reporter));
}

/** Fails at the end of bytes that are not what was promised, so that the store drops them. */
async function* checked(
  response: HttpResponse,
  promised: Promised,
  reporter: Reporter,
): AsyncGenerator<Uint8Array> {
  const hash = createHash(promised.algorithm);
  const label = response.url.split("/").at(-1) ?? "";
  let done = 0;
  for await (const chunk of response.body) {
    hash.update(chunk);
    done += chunk.length;
    if (response.sizeBytes !== undefined)
      reporter.progress({ label, done, total: response.sizeBytes, unit: "bytes" });
    yield chunk;
  }
  const received = hash.digest(promised.encoding);
  if (received === promised.value) return;
  throw new AppError(
    { class: "integrity", code: "DIGEST_MISMATCH" },
    `Cannot accept "${showUrl(response.url)}": its ${promised.algorithm} is ${received}, expected ${promised.value}`,
    { fields: { expected: promised.value, received, url: showUrl(response.url) } },
  );
}

function lockedFile(
  blob: StoredBlob,
  { purl, mirror, path }: { readonly purl: string; readonly mirror: "npm" | "pypi"; readonly path: string },
): LockedFile {
  return { purl, mirror, path: parseRelativePath(path), sha256: blob.digest, sizeBytes: blob.sizeBytes };
}

function sdistUnknown(origin: Sdist, file: IndexFile | undefined): AppError {
  const state = file === undefined ? "the index lists none" : "the index gives no sha256 for it";
  return new AppError(
    { class: "usage", code: "SDIST_UNKNOWN" },
    `Cannot find the source distribution of "${origin.project}" ${origin.version}: ${state}`,
    { fields: { project: origin.project, version: origin.version } },
  );
}

function digestUnknown(file: IndexFile): AppError {
  return new AppError(
    { class: "integrity", code: "DIGEST_UNKNOWN" },
    `Cannot lock "${file.name}": the index gives no sha256 for it`,
    { fields: { path: file.name } },
  );
}
