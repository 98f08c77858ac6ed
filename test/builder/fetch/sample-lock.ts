/** A lock over given bytes, as `cloister lock` would write it. */
import type { Lock, LockedPackage } from "../../../src/builder/lock/lock.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";

export function lockedPackage(name: string, bytes: Uint8Array): LockedPackage {
  return {
    purl: `pkg:deb/debian/${name}@1.0?arch=amd64&distro=bookworm`,
    mirror: "debian",
    path: parseRelativePath(`pool/main/${name}_1.0+b1_amd64.deb`),
    sha256: digestOf(bytes),
    sizeBytes: bytes.length,
    name,
    version: "1.0",
    architecture: "amd64",
    suite: "bookworm",
    source: { name, version: "1.0" },
    scripts: [],
  };
}

export function lockOf(packages: readonly LockedPackage[], more: Partial<Lock> = {}): Lock {
  return {
    format: 1,
    name: "sample",
    recipe: digestOf("recipe"),
    epoch: 1_700_000_000,
    releases: [],
    packages,
    omitted: [],
    ...more,
  };
}
