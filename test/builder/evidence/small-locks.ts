import type { Lock, LockedPackage, LockedWheel } from "../../../src/builder/lock/lock.ts";
import type { Recipe } from "../../../src/builder/recipe/recipe.ts";
import type { LockedLayer } from "../../../src/builder/evidence/image-bom.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import { EPOCH } from "../small-image.ts";

function lockedPackage(name: string, because?: string): LockedPackage {
  return {
    mirror: "debian",
    path: parseRelativePath(`pool/main/${name}_1.0+b1_amd64.deb`),
    purl: `pkg:deb/debian/${name.replaceAll("+", "%2B")}@1.0%2Bb1?arch=amd64&distro=debian-12`,
    sha256: digestOf(name),
    sizeBytes: name.length,
    name,
    version: "1.0+b1",
    architecture: "amd64",
    suite: "bookworm",
    source: { name: `${name}-source`, version: "1.0" },
    ...(because === undefined ? {} : { because }),
    scripts: [],
  };
}

function layer(recipe: Partial<Recipe> & { name: string }, lock: Partial<Lock>): LockedLayer {
  return {
    recipe: { format: 1, kind: "image", summary: "Small", packages: [], suites: ["bookworm"], ...recipe },
    lock: {
      format: 1,
      name: recipe.name,
      recipe: digestOf(recipe.name),
      epoch: EPOCH,
      releases: [],
      packages: [],
      omitted: [],
      ...lock,
    },
  };
}

export const BASE = layer(
  { name: "base" },
  {
    packages: [lockedPackage("libc6"), lockedPackage("libstdc++6"), lockedPackage("libgcc-s1", "libstdc++6")],
  },
);

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export const COMPILED = layer(
  { name: "compiled", base: "base" },
  {
    compile: {
      packages: [lockedPackage("gcc"), lockedPackage("libc6")],
      omitted: [],
      source: {
        purl: `pkg:github/example/thing.cpp@${COMMIT}`,
        commit: COMMIT,
        tree: COMMIT,
        licence: "MIT",
        tar: { sha256: digestOf("tar"), sizeBytes: 3 },
        origins: [
          {
            kind: "sdist",
            file: {
              mirror: "pypi",
              path: parseRelativePath("thing/thing-1.0.tar.gz"),
              purl: "pkg:pypi/thing@1.0",
              sha256: digestOf("sdist"),
              sizeBytes: 5,
            },
            folder: parseRelativePath("vendor/thing"),
            gitFolder: parseRelativePath(".git"),
          },
          { kind: "git", url: "https://github.com/example/thing.cpp" },
        ],
      },
    },
  },
);

export const TOOLS = layer(
  { name: "tools", kind: "tools", tools: [{ from: "composer", path: "usr/bin/composer", as: "composer" }] },
  {
    packages: [lockedPackage("composer"), lockedPackage("libc6", "composer")],
    npm: [
      {
        mirror: "npm",
        path: parseRelativePath("@scope/node/-/node-1.2.3.tgz"),
        purl: "pkg:npm/%40scope/node@1.2.3",
        sha256: digestOf("npm"),
        sizeBytes: 3,
      },
    ],
  },
);

function lockedWheel(project: string, version: string, because?: string): LockedWheel {
  return {
    mirror: "pypi",
    path: parseRelativePath(`${project}/${project}-${version}-py3-none-any.whl`),
    purl: `pkg:pypi/${project}@${version}`,
    sha256: digestOf(project),
    sizeBytes: project.length,
    project,
    version,
    ...(because === undefined ? {} : { because }),
  };
}

export const WHEELS = layer(
  {
    name: "wheels",
    base: "base",
    wheels: {
      python: "python3.11",
      destination: "/opt/wheels",
      wanted: [{ project: "alpha", version: "1.0", licence: "LicenseRef-Alpha" }],
    },
  },
  {
    wheels: {
      python: "3.11.2",
      files: [lockedWheel("alpha", "1.0"), lockedWheel("beta", "2.0", "alpha")],
      omitted: [],
    },
  },
);

export const NPM_LOCK = {
  packages: {
    "node_modules/@scope/part": {
      version: "1.0.0",
      integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}`,
      license: "MIT",
    },
    "node_modules/whole/node_modules/part": {
      version: "2.0.0",
      integrity: `sha512-${Buffer.alloc(64, 8).toString("base64")}`,
    },
  },
};
