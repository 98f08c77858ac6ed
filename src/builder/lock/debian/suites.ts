/** From a suite's name to its packages, each step held by the one before: pinned key, InRelease, Packages index. */
import { download } from "../../../shared/download.ts";
import { AppError } from "../../../shared/errors.ts";
import { execStream } from "../../../shared/exec-stream.ts";
import type { Http } from "../../../shared/http.ts";
import { parseRelativePath } from "../../../shared/relative-path.ts";
import type { Reporter } from "../../../shared/reporter.ts";
import type { Store } from "../../../shared/store/store.ts";
import { ARCHITECTURE } from "../../format.ts";
import type { LockedRelease } from "../lock.ts";
import type { Mirrors } from "../mirrors.ts";
import { readDocument, urlBelow } from "../registry/read-document.ts";
import { pinnedSuite, type ArchiveKeys } from "./archive-keys.ts";
import { parsePackages, type PackageRecord } from "./packages.ts";
import type { IndexFile } from "./release-fields.ts";
import { verifyRelease, type Release } from "./release.ts";

export type Suite = { readonly release: LockedRelease; readonly records: readonly PackageRecord[] };

export type Suites = {
  /** Each suite is read once. Throws what verifyRelease, parsePackages and `download` throw; SUITE_UNKNOWN (usage). */
  read(suite: string): Promise<Suite>;
};

export type SuiteDeps = {
  readonly store: Store;
  readonly http: Http;
  readonly mirrors: Mirrors;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
  /** For the signature's and the release's own dates. */
  readonly now: Date;
};

const UNPACK_TIMEOUT_MS = 600_000;

/** The one component that recipes may take packages from: Debian's free software, without contrib and non-free. */
const INDEX = `main/binary-${ARCHITECTURE}/Packages.xz`;

export function openSuites(keys: ArchiveKeys, deps: SuiteDeps): Suites {
  const asked = new Map<string, Promise<Suite>>();
  return {
    read: (suite) => {
      const known = asked.get(suite) ?? readSuite(suite, keys, deps);
      asked.set(suite, known);
      return known;
    },
  };
}

async function readSuite(suite: string, keys: ArchiveKeys, deps: SuiteDeps): Promise<Suite> {
  deps.reporter.step(`Read the package index of ${suite}`);
  const { mirror, fingerprints } = pinnedSuite(keys, suite);
  const folder = `dists/${suite}`;
  const base = await deps.mirrors.urlOf(mirror);
  const { bytes } = await readDocument({ url: urlBelow(base, `${folder}/InRelease`) }, deps);
  const release = await verifyRelease({
    inRelease: bytes,
    suite,
    keys: keys.certificates,
    fingerprints,
    now: deps.now,
  });
  const index = indexOf(release, suite);
  await fetchIndex(urlBelow(base, `${folder}/${addressOfIndex(release, index)}`), index, deps);
  const text = execStream("xz", ["-dc"], {
    input: deps.store.read(index.sha256),
    timeoutMs: UNPACK_TIMEOUT_MS,
  });
  return {
    release: {
      suite,
      mirror,
      path: parseRelativePath(`${folder}/InRelease`),
      sha256: release.sha256,
      signedBy: release.signedBy,
      date: release.date,
      index: { path: parseRelativePath(`${folder}/${INDEX}`), ...index },
    },
    records: await parsePackages(text, suite),
  };
}

function indexOf(release: Release, suite: string): IndexFile {
  const index = release.files.get(INDEX);
  if (index !== undefined) return index;
  throw new AppError(
    { class: "integrity", code: "RELEASE_WITHOUT_INDEX" },
    `Cannot use suite "${suite}": its release does not list "${INDEX}"`,
    { fields: { suite } },
  );
}

/** By its digest where the archive serves that, so that a mirror that is just being updated is no trouble. */
function addressOfIndex(release: Release, index: IndexFile): string {
  if (!release.acquireByHash) return INDEX;
  return INDEX.replace(/[^/]+$/, `by-hash/SHA256/${index.sha256.slice("sha256:".length)}`);
}

async function fetchIndex(url: string, index: IndexFile, deps: SuiteDeps): Promise<void> {
  if (await deps.store.has(index.sha256)) return;
  await download({ url, expected: { digest: index.sha256, sizeBytes: index.sizeBytes } }, deps);
}
