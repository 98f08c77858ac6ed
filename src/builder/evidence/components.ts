import type { Json } from "../../shared/canonical-json.ts";
import { hexOf, type Digest } from "../../shared/digest.ts";
import { VERSION } from "../../shared/version.ts";
import type { LockedFile, LockedPackage, LockedSource, LockedWheel } from "../lock/lock.ts";
import { properties, type Component } from "./bom.ts";
import { purl } from "./purl.ts";

/** `required` is in the artefact; `excluded` only helped to make it. */
export type Scope = "required" | "excluded";

/** A binary package; its source package, on which vulnerabilities are filed, stands as its ancestor. */
export function packageComponent(locked: LockedPackage, scope: Scope): Component {
  const { source } = locked;
  const qualifiers = { arch: "source", distro: locked.suite.replace(/-.*$/, "") };
  return {
    type: "library",
    "bom-ref": locked.purl,
    name: locked.name,
    version: locked.version,
    purl: locked.purl,
    scope,
    hashes: sha256(locked.sha256),
    pedigree: {
      ancestors: [
        {
          type: "library",
          name: source.name,
          version: source.version,
          purl: purl({ type: "deb", namespace: "debian", ...source, qualifiers }),
        },
      ],
    },
    properties: properties({ ...place(locked), suite: locked.suite, architecture: locked.architecture }),
  };
}

/** Source that was compiled here: what is in the artefact was made from it. */
export function sourceComponent(source: LockedSource): Component {
  const name = /\/([^/@]+)@/.exec(source.purl)?.[1] ?? source.purl;
  return {
    type: "application",
    "bom-ref": source.purl,
    name,
    version: source.commit,
    purl: source.purl,
    scope: "required",
    hashes: sha256(source.tar.sha256),
    licenses: declared(source.licence),
    pedigree: { commits: [{ uid: source.commit }] },
    externalReferences: source.origins.map((origin) =>
      origin.kind === "git"
        ? { type: "vcs", url: origin.url }
        : {
            type: "source-distribution",
            url: origin.file.purl,
            hashes: sha256(origin.file.sha256),
            comment: `${origin.file.mirror}: ${origin.file.path}, folder ${origin.folder}`,
          },
    ),
    properties: properties({ "git-tree": source.tree }),
  };
}

export function npmFileComponent(locked: LockedFile): Component {
  const match = /^pkg:npm\/(.+)@([^@?]+)/.exec(locked.purl);
  return {
    type: "application",
    "bom-ref": locked.purl,
    name: decodeURIComponent(match?.[1] ?? locked.purl),
    version: match?.[2] ?? "",
    purl: locked.purl,
    scope: "required",
    hashes: sha256(locked.sha256),
    properties: properties(place(locked)),
  };
}

/** A Python distribution as its project publishes it. `licence` is the recipe's word, where it has one. */
export function wheelComponent(locked: LockedWheel, licence: string | undefined): Component {
  return {
    type: "library",
    "bom-ref": locked.purl,
    name: locked.project,
    version: locked.version,
    purl: locked.purl,
    scope: "required",
    hashes: sha256(locked.sha256),
    ...(licence === undefined ? {} : { licenses: declared(licence) }),
    properties: properties(place(locked)),
  };
}

/** Our own program of that name, made from this repository. */
export function ownComponent(name: string): Component {
  return {
    type: "application",
    "bom-ref": `cloister:${name}@${VERSION}`,
    name,
    version: VERSION,
    licenses: declared("Apache-2.0"),
  };
}

export function sha256(digest: Digest): readonly Json[] {
  return [{ alg: "SHA-256", content: hexOf(digest) }];
}

export function declared(expression: string): readonly Json[] {
  return [{ expression, acknowledgement: "declared" }];
}

function place(locked: LockedFile): Readonly<Record<string, string>> {
  return { mirror: locked.mirror, path: locked.path, "size-bytes": String(locked.sizeBytes) };
}
