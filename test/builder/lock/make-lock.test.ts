import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openSuites } from "../../../src/builder/lock/debian/suites.ts";
import { lockDigest, type Lock } from "../../../src/builder/lock/lock.ts";
import { makeLock, type LockDeps } from "../../../src/builder/lock/make-lock.ts";
import { readMirrors } from "../../../src/builder/lock/mirrors.ts";
import { lockDifferences } from "../../../src/builder/lock/stale.ts";
import type { Recipe } from "../../../src/builder/recipe/recipe.ts";
import { readableJson, type Json } from "../../../src/shared/canonical-json.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { AppError } from "../../../src/shared/errors.ts";
import { openHttp, type Http } from "../../../src/shared/http.ts";
import { silentReporter } from "../../../src/shared/reporter.ts";
import { openStore, type Store } from "../../../src/shared/store/store.ts";
import { startMirror, type Loopback } from "../../shared/loopback.ts";
import {
  debOf,
  debPath,
  newArchiveSigner,
  sampleArchive,
  type ArchiveSigner,
  type SamplePackage,
} from "./sample-archive.ts";

const NOW = new Date("2026-03-03T00:00:00Z");
const MONDAY = new Date("2026-03-02T08:00:00Z");
const TUESDAY = new Date("2026-03-02T20:00:00Z");
const APP: SamplePackage = { name: "app", version: "1:2.0+b1~rc1", depends: "libapp (>= 1)" };
const LIBRARY: SamplePackage = { name: "libapp", architecture: "all" };
const RECIPE: Recipe = {
  format: 1,
  name: "sample",
  kind: "image",
  summary: "Sample",
  packages: ["app"],
  suites: ["bookworm"],
};
const SCRIPT = Buffer.from("#!/bin/sh\ntrue\n");

let signer: ArchiveSigner;
let store: Store;
let http: Http;
let server: Loopback;
let served: Map<string, Buffer>;

beforeAll(async () => {
  signer = await newArchiveSigner();
});

beforeEach(async () => {
  served = await sampleArchive("bookworm", [APP, LIBRARY], { signer, date: MONDAY });
  server = await startMirror((path) => served.get(path));
  store = await openStore(await mkdtemp(join(tmpdir(), "lock-")));
  http = openHttp({ env: {}, retryDelaysMs: [] });
});

afterEach(async () => {
  await http.close();
  await server.close();
  await rm(store.root, { recursive: true });
});

function deps(more: Partial<LockDeps> = {}): LockDeps {
  const flags = [`debian=${server.url}`, `pypi=${server.url}simple`, `npm=${server.url}npm`];
  const mirrors = readMirrors(flags, { env: {}, cwd: "/" });
  const plain = { store, http, mirrors, reporter: silentReporter };
  return {
    ...plain,
    jobs: 2,
    suites: openSuites(signer.keys, { ...plain, now: NOW }),
    scriptsOf: () => Promise.resolve(new Map()),
    decide: () => [],
    proveSource: () => Promise.reject(new Error("No source was asked for")),
    resolveWheels: () => Promise.reject(new Error("No wheels were asked for")),
    ...more,
  };
}

function lock(recipe: Recipe = RECIPE, more: { base?: Lock; previous?: Lock } = {}): Promise<Lock> {
  return makeLock({ recipe, ...more }, deps());
}

function undecided({ name }: { readonly name: string }): never {
  throw new AppError({ class: "usage", code: "SCRIPT_UNDECIDED" }, `Undecided: ${name}`);
}

describe("makeLock", () => {
  test("names each package with its dependency's reason, digest, size, path and purl, and no host", async () => {
    const made = await lock();
    expect(made.packages).toEqual([
      {
        purl: "pkg:deb/debian/app@1:2.0%2Bb1~rc1?arch=amd64&distro=bookworm",
        mirror: "debian",
        path: debPath(APP),
        sha256: digestOf(debOf(APP)),
        sizeBytes: debOf(APP).length,
        name: "app",
        version: "1:2.0+b1~rc1",
        architecture: "amd64",
        suite: "bookworm",
        source: { name: "app", version: "1:2.0+b1~rc1" },
        scripts: [],
      },
      expect.objectContaining({ name: "libapp", because: "app", architecture: "all" }),
    ]);
    expect(readableJson(made satisfies Json)).not.toContain("127.0.0.1");
  });

  test("keeps the chain from the pinned key over the release to the index, and takes its date as the epoch", async () => {
    const made = await lock();
    expect(made.epoch).toBe(MONDAY.getTime() / 1000);
    expect(made.releases).toEqual([
      {
        suite: "bookworm",
        mirror: "debian",
        path: "dists/bookworm/InRelease",
        sha256: digestOf(served.get("dists/bookworm/InRelease") ?? ""),
        signedBy: signer.keys.suites["bookworm"]?.fingerprints[0],
        date: made.epoch,
        index: {
          path: "dists/bookworm/main/binary-amd64/Packages.xz",
          sha256: digestOf(served.get("dists/bookworm/main/binary-amd64/Packages.xz") ?? ""),
          sizeBytes: served.get("dists/bookworm/main/binary-amd64/Packages.xz")?.length,
        },
      },
    ]);
  });

  test("is the same twice, byte for byte", async () => {
    expect(readableJson((await lock()) satisfies Json)).toBe(readableJson((await lock()) satisfies Json));
  });

  test("brings the .debs into the store and decides on the scripts that it finds there", async () => {
    const asked: string[] = [];
    const made = await makeLock(
      { recipe: RECIPE },
      deps({
        scriptsOf: async (deb) => new Map(deb.digest === digestOf(debOf(APP)) ? [["postinst", SCRIPT]] : []),
        decide: ({ name }, scripts) => {
          asked.push(name);
          return [...scripts].map(([script, bytes]) => ({
            name: script,
            sha256: digestOf(bytes),
            decision: { kind: "effect", effect: "accounts" },
          }));
        },
      }),
    );
    expect(asked.sort()).toEqual(["app", "libapp"]);
    expect(made.packages[0]?.scripts).toEqual([
      { name: "postinst", sha256: digestOf(SCRIPT), decision: { kind: "effect", effect: "accounts" } },
    ]);
    expect(await store.has(digestOf(debOf(LIBRARY)))).toBe(true);
  });

  test("names every package with an undecided script at once", async () => {
    const attempt = makeLock({ recipe: RECIPE }, deps({ decide: undecided }));
    await expect(attempt).rejects.toMatchObject({
      code: "SCRIPT_UNDECIDED",
      exitCode: 2,
      message: "Undecided: app\nUndecided: libapp",
    });
  });

  test("leaves out what the base below has, and binds itself to the base's lock", async () => {
    const base = await lock({ ...RECIPE, name: "base", packages: ["libapp"] });
    const made = await lock({ ...RECIPE, base: "base" }, { base });
    expect(made.packages.map(({ name }) => name)).toEqual(["app"]);
    expect(made.base).toBe(lockDigest(base));
  });

  test("keeps releases and epoch while no input changes, and takes new ones when one does", async () => {
    const before = await lock();
    served = await sampleArchive("bookworm", [APP, LIBRARY], { signer, date: TUESDAY });
    expect(await lock(RECIPE, { previous: before })).toEqual(before);
    expect((await lock()).epoch).toBe(TUESDAY.getTime() / 1000);

    served = await sampleArchive("bookworm", [APP, { ...LIBRARY, version: "1.1" }], {
      signer,
      date: TUESDAY,
    });
    const after = await lock(RECIPE, { previous: before });
    expect(after.epoch).toBe(TUESDAY.getTime() / 1000);
    expect(lockDifferences(before, after)).toEqual(["libapp 1.0 -> 1.1"]);
  });

  test("locks tools alone, without what they depend on and without scripts", async () => {
    const tools: Recipe = {
      ...RECIPE,
      kind: "tools",
      tools: [{ from: "app", path: "usr/bin/app", as: "app" }],
    };
    const made = await lock(tools);
    expect(made.packages.map(({ name }) => name)).toEqual(["app"]);
    await expect(lock({ ...tools, packages: ["absent"] })).rejects.toMatchObject({ code: "PACKAGE_UNKNOWN" });
  });

  test("locks an npm tarball that has the registry's sha512", async () => {
    const bytes = Buffer.from("a tarball");
    const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    const dist = { tarball: "http://127.0.0.1:1/one/-/one-1.0.0.tgz", integrity };
    served.set("npm/one", Buffer.from(JSON.stringify({ versions: { "1.0.0": { dist } } })));
    served.set("npm/one/-/one-1.0.0.tgz", bytes);
    const recipe = { ...RECIPE, npm: [{ package: "one", version: "1.0.0" }] };
    const made = await lock(recipe);
    const file = { purl: "pkg:npm/one@1.0.0", mirror: "npm", path: "one/-/one-1.0.0.tgz" };
    expect(made.npm).toEqual([{ ...file, sha256: digestOf(bytes), sizeBytes: bytes.length }]);

    await lock(recipe);
    expect(server.requests.filter((path) => path.endsWith(".tgz"))).toHaveLength(1);
  });

  test("refuses an npm tarball with another sha512 and keeps nothing of it", async () => {
    const integrity = `sha512-${createHash("sha512").update("expected").digest("base64")}`;
    const dist = { tarball: "http://127.0.0.1:1/one/-/one-1.0.0.tgz", integrity };
    served.set("npm/one", Buffer.from(JSON.stringify({ versions: { "1.0.0": { dist } } })));
    served.set("npm/one/-/one-1.0.0.tgz", Buffer.from("received"));
    const attempt = lock({ ...RECIPE, npm: [{ package: "one", version: "1.0.0" }] });
    await expect(attempt).rejects.toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    expect(await store.has(digestOf("received"))).toBe(false);
    expect(await readdir(join(store.root, "partial"))).toEqual([]);
  });
});

describe("a recipe with a source", () => {
  const SDIST = Buffer.from("a source distribution");
  const source = {
    purl: "pkg:github/a/b@0",
    commit: "0".repeat(40),
    tree: "1".repeat(40),
    licence: "MIT",
    origins: [
      { kind: "sdist", project: "The_Project", version: "0.3.36", folder: "vendor/x", gitFolder: ".git" },
      { kind: "git", url: "https://github.com/ggml-org/llama.cpp" },
    ],
  } as const;
  const recipe: Recipe = {
    ...RECIPE,
    packages: [],
    compile: { packages: ["app"], source, script: "compile.sh", launcher: "launcher", destination: "/opt" },
  };
  const tar = { digest: digestOf("tar"), sizeBytes: 3 };

  test("gets the distribution's place, digest and size, and the proven tar's", async () => {
    const link = `<a href="../../files/x.tar.gz#sha256=${digestOf(SDIST).slice(7)}">the_project-0.3.36.tar.gz</a>`;
    served.set("simple/the-project/", Buffer.from(`<a href="y">the_project-0.3.35.tar.gz</a>${link}`));
    served.set("files/x.tar.gz", SDIST);
    let claimed: unknown;
    const proveSource: LockDeps["proveSource"] = async (claim) => {
      claimed = claim;
      return { tar };
    };
    const { compile } = await makeLock({ recipe }, deps({ proveSource }));
    expect(compile?.packages.map(({ name }) => name)).toEqual(["app", "libapp"]);
    expect(compile?.source).toEqual({
      ...source,
      tar: { sha256: tar.digest, sizeBytes: tar.sizeBytes },
      origins: [
        {
          kind: "sdist",
          file: {
            purl: "pkg:pypi/the-project@0.3.36",
            mirror: "pypi",
            path: "the-project/the_project-0.3.36.tar.gz",
            sha256: digestOf(SDIST),
            sizeBytes: SDIST.length,
          },
          folder: "vendor/x",
          gitFolder: ".git",
        },
        source.origins[1],
      ],
    });
    expect(claimed).toMatchObject({ tree: source.tree });
    expect(await store.has(digestOf(SDIST))).toBe(true);
  });

  test("is refused where the index lists no such distribution, or no sha256 for it", async () => {
    for (const page of [
      "",
      '<a href="x">the_project-0.3.36.tar.gz</a>',
      '<a href="x">other-0.3.36.tar.gz</a>',
    ]) {
      served.set("simple/the-project/", Buffer.from(page));
      await expect(makeLock({ recipe }, deps())).rejects.toMatchObject({
        code: "SDIST_UNKNOWN",
        exitCode: 2,
      });
    }
  });

  test("is refused where the distribution has other bytes than the index says", async () => {
    served.set(
      "simple/the-project/",
      Buffer.from(`<a href="/f#sha256=${"0".repeat(64)}">the_project-0.3.36.tar.gz</a>`),
    );
    served.set("f", SDIST);
    await expect(makeLock({ recipe }, deps())).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await store.has(digestOf(SDIST))).toBe(false);
  });
});

describe("a hostile mirror", () => {
  test("is refused with another index than the release names", async () => {
    const other = await sampleArchive("bookworm", [LIBRARY], { signer, date: MONDAY });
    const path = "dists/bookworm/main/binary-amd64/Packages.xz";
    served.set(path, other.get(path) ?? Buffer.alloc(0));
    await expect(lock()).rejects.toMatchObject({ exitCode: 3 });
  });

  test("is refused with another .deb than the index names", async () => {
    const bytes = Buffer.from(debOf(APP));
    bytes[0] = 0;
    served.set(debPath(APP), bytes);
    await expect(lock()).rejects.toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    expect(await store.has(digestOf(bytes))).toBe(false);
  });

  test("is refused with a release that somebody else signed", async () => {
    const stranger = await newArchiveSigner();
    served = await sampleArchive("bookworm", [APP, LIBRARY], { signer: stranger, date: MONDAY });
    await expect(lock()).rejects.toMatchObject({ code: "RELEASE_UNKNOWN_KEY", exitCode: 4 });
  });

  test("is refused with the release of another suite", async () => {
    const trixie = await sampleArchive("trixie", [APP], { signer, date: MONDAY });
    served.set("dists/bookworm/InRelease", trixie.get("dists/trixie/InRelease") ?? Buffer.alloc(0));
    await expect(lock()).rejects.toMatchObject({ code: "RELEASE_WRONG_SUITE" });
  });
});

test("a suite without a pinned key is SUITE_UNKNOWN", async () => {
  await expect(lock({ ...RECIPE, suites: ["buster"] })).rejects.toMatchObject({
    code: "SUITE_UNKNOWN",
    exitCode: 2,
  });
});
