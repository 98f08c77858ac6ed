import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fetchInputs, type FetchDeps } from "../../../src/builder/fetch/fetch.ts";
import { takeFromFolder } from "../../../src/builder/fetch/from-folder.ts";
import type { Lock, LockedFile } from "../../../src/builder/lock/lock.ts";
import { readMirrors } from "../../../src/builder/lock/mirrors.ts";
import { addressOf } from "../../../src/builder/lock/registry/address.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { openHttp, type Http } from "../../../src/shared/http.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import { silentReporter } from "../../../src/shared/reporter.ts";
import { openStore, type Store } from "../../../src/shared/store/store.ts";
import { answerWith, startLoopback, type Loopback } from "../../shared/loopback.ts";
import { lockedPackage, lockOf } from "./sample-lock.ts";

const FILES: Readonly<Record<string, Buffer>> = Object.fromEntries(
  ["alpha", "beta", "gamma", "delta"].map((name, at) => [name, Buffer.alloc(20_000 + at, name)]),
);
const PACKAGES = Object.entries(FILES).map(([name, bytes]) => lockedPackage(name, bytes));
const LOCK = lockOf(PACKAGES);

let store: Store;
let http: Http;
let server: Loopback;
/** What the mirror has, by path. */
let served: Map<string, Uint8Array>;
let deps: FetchDeps;

beforeEach(async () => {
  served = new Map(
    Object.entries(FILES).map(([name, bytes]) => [`/debian/pool/main/${name}_1.0%2Bb1_amd64.deb`, bytes]),
  );
  server = await startLoopback((request, response) => {
    const bytes = served.get(request.url ?? "");
    if (bytes === undefined) response.writeHead(404).end();
    else answerWith(bytes)(request, response);
  });
  store = await openStore(await mkdtemp(join(tmpdir(), "fetch-")));
  http = openHttp({ env: {}, retryDelaysMs: [] });
  const mirrors = [`debian=${server.url}debian`, `pypi=${server.url}simple`, `npm=${server.url}npm`];
  deps = { store, http, addressOf: fromMirrors(mirrors), reporter: silentReporter, env: {}, jobs: 3 };
});

afterEach(async () => {
  await http.close();
  await server.close();
  await rm(store.root, { recursive: true });
});

function fromMirrors(flags: readonly string[]): FetchDeps["addressOf"] {
  const mirrors = readMirrors(flags, { env: { PATH: "/nowhere" }, cwd: "/" });
  return (file) => addressOf(file, { mirrors, http });
}

function lookUpNothing(): Promise<string> {
  return Promise.reject(new Error("A mirror was looked up"));
}

async function inStore(): Promise<number> {
  const shelves = await readdir(join(store.root, "sha256"));
  const lists = await Promise.all(shelves.map((shelf) => readdir(join(store.root, "sha256", shelf))));
  return lists.flat().length;
}

describe("fetchInputs", () => {
  test("fills the store, and a second run asks nobody for anything", async () => {
    const sizeBytes = PACKAGES.reduce((sum, one) => sum + one.sizeBytes, 0);
    expect(await fetchInputs([LOCK], deps)).toEqual({ downloaded: 4, alreadyThere: 0, sizeBytes });
    const asked = server.requests.length;
    expect(await fetchInputs([LOCK], { ...deps, addressOf: lookUpNothing })).toEqual({
      downloaded: 0,
      alreadyThere: 4,
      sizeBytes: 0,
    });
    expect(server.requests).toHaveLength(asked);
  });

  test("fetches once what two locks name", async () => {
    await fetchInputs([LOCK, lockOf(PACKAGES.slice(0, 2), { name: "other" })], deps);
    expect(server.requests).toHaveLength(4);
  });

  test("shows progress up to the sum of all sizes", async () => {
    const seen: { done: number; total: number }[] = [];
    await fetchInputs([LOCK], {
      ...deps,
      reporter: { ...silentReporter, progress: (state) => void seen.push(state) },
    });
    const total = PACKAGES.reduce((sum, one) => sum + one.sizeBytes, 0);
    expect(seen.at(-1)).toMatchObject({ done: total, total, unit: "bytes" });
  });

  test("names every vanished package with version, digest and what to do, after fetching the others", async () => {
    served.delete("/debian/pool/main/beta_1.0%2Bb1_amd64.deb");
    served.delete("/debian/pool/main/delta_1.0%2Bb1_amd64.deb");
    const error: unknown = await fetchInputs([LOCK], deps).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "INPUT_VANISHED",
      exitCode: 11,
      message: `Cannot fetch 2 inputs: the mirrors no longer have beta 1.0 (${digestOf(FILES["beta"] ?? "")}), delta 1.0 (${digestOf(FILES["delta"] ?? "")})`,
      hint: "Take what the mirrors have now: cloister lock sample. Or put the files, under any name, into a folder: cloister fetch --from DIR",
    });
    expect(await inStore()).toBe(2);
  });

  test("refuses a digest edited by hand in the lock with exit code 3, and keeps nothing of that file", async () => {
    const [first, ...others] = PACKAGES;
    const edited = lockOf([
      { ...first, sha256: digestOf("something else") } as (typeof PACKAGES)[number],
      ...others,
    ]);
    await expect(fetchInputs([edited], deps)).rejects.toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    expect(await store.has(digestOf("something else"))).toBe(false);
    expect(await readdir(join(store.root, "partial"))).toEqual([]);
  });

  test("refuses a size edited by hand in the lock with exit code 3", async () => {
    const [first] = PACKAGES;
    const edited = lockOf([{ ...first, sizeBytes: 19_999 } as (typeof PACKAGES)[number]]);
    await expect(fetchInputs([edited], deps)).rejects.toMatchObject({ code: "SIZE_MISMATCH", exitCode: 3 });
    expect(await inStore()).toBe(0);
    expect(await readdir(join(store.root, "partial"))).toEqual([]);
  });

  test("works twice at once in one store", async () => {
    await Promise.all([
      fetchInputs([LOCK], deps),
      fetchInputs([LOCK], { ...deps, store: await openStore(store.root) }),
    ]);
    expect(await inStore()).toBe(4);
    expect(await readdir(join(store.root, "partial"))).toEqual([]);
  });

  test("stops when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(fetchInputs([LOCK], { ...deps, signal })).rejects.toThrow("enough");
    expect(server.requests).toEqual([]);
  });

  test("says MIRROR_UNKNOWN where the machine's settings name none", async () => {
    await expect(fetchInputs([LOCK], { ...deps, addressOf: fromMirrors([]) })).rejects.toMatchObject({
      code: "MIRROR_UNKNOWN",
      exitCode: 5,
    });
  });
});

function withNpm(one: LockedFile): Lock {
  return lockOf([], { npm: [one] });
}

describe("files of npm and of an index of Python packages", () => {
  const bytes = Buffer.from("an archive");
  const file = (mirror: "npm" | "pypi", path: string): LockedFile => ({
    purl: "pkg:npm/x@1",
    mirror,
    path: parseRelativePath(path),
    sha256: digestOf(bytes),
    sizeBytes: bytes.length,
  });

  test("come from the registry's own path", async () => {
    served.set("/npm/%40scope/name/-/name-1.tgz", bytes);
    await fetchInputs([withNpm(file("npm", "@scope/name/-/name-1.tgz"))], deps);
    expect(await store.has(digestOf(bytes))).toBe(true);
  });

  test("come from wherever the project's page says", async () => {
    const page = `<a href="../../elsewhere/deep/one-1.tar.gz#sha256=${digestOf(bytes).slice(7)}">one-1.tar.gz</a>`;
    served.set("/simple/one/", Buffer.from(page));
    served.set("/elsewhere/deep/one-1.tar.gz", bytes);
    await fetchInputs([withNpm(file("pypi", "one/one-1.tar.gz"))], deps);
    expect(server.requests).toEqual(["/simple/one/", "/elsewhere/deep/one-1.tar.gz"]);
  });

  test("are refused before downloading where the page names another digest", async () => {
    served.set("/simple/one/", Buffer.from(`<a href="x#sha256=${"0".repeat(64)}">one-1.tar.gz</a>`));
    const attempt = fetchInputs([withNpm(file("pypi", "one/one-1.tar.gz"))], deps);
    await expect(attempt).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  test("have vanished where the page no longer lists them", async () => {
    served.set("/simple/one/", Buffer.from("<a href=x>one-2.tar.gz</a>"));
    const attempt = fetchInputs([withNpm(file("pypi", "one/one-1.tar.gz"))], deps);
    await expect(attempt).rejects.toMatchObject({ code: "INPUT_VANISHED", exitCode: 11 });
  });
});

describe("a source", () => {
  const tar = Buffer.from("the canonical tar");
  const sdist: LockedFile = {
    purl: "pkg:pypi/one@1",
    mirror: "pypi",
    path: parseRelativePath("one/one-1.tar.gz"),
    sha256: digestOf("sdist"),
    sizeBytes: 5,
  };
  const lock = lockOf([], {
    compile: {
      packages: [],
      omitted: [],
      source: {
        purl: "pkg:github/a/b@0",
        commit: "0".repeat(40),
        tree: "1".repeat(40),
        licence: "MIT",
        tar: { sha256: digestOf(tar), sizeBytes: tar.length },
        origins: [
          {
            kind: "sdist",
            file: sdist,
            folder: parseRelativePath("x"),
            gitFolder: parseRelativePath(".git"),
          },
        ],
      },
    },
  });

  test("that is proven already needs nothing, not even its distribution", async () => {
    await store.put([tar], { digest: digestOf(tar), sizeBytes: tar.length });
    expect(await fetchInputs([lock], deps)).toEqual({ downloaded: 0, alreadyThere: 1, sizeBytes: 0 });
    expect(server.requests).toEqual([]);
  });

  test("whose only origin has vanished is exit code 11, naming the commit", async () => {
    const notes: string[] = [];
    const reporter = { ...silentReporter, note: (text: string) => void notes.push(text) };
    await expect(fetchInputs([lock], { ...deps, reporter })).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      exitCode: 11,
      message: expect.stringContaining("0".repeat(40)),
    });
    expect(notes.join()).toContain("simple/one/");
  });

  test("whose distribution is not the archive that it claims to be is refused with exit code 3", async () => {
    served.set(
      "/simple/one/",
      Buffer.from(`<a href="/f#sha256=${digestOf("sdist").slice(7)}">one-1.tar.gz</a>`),
    );
    served.set("/f", Buffer.from("sdist"));
    await expect(fetchInputs([lock], deps)).rejects.toMatchObject({ exitCode: 3 });
  });
});

describe("takeFromFolder", () => {
  test("takes wanted files under any name, in subfolders too, and leaves others", async () => {
    const folder = await mkdtemp(join(tmpdir(), "from-"));
    await mkdir(join(folder, "deep/er"), { recursive: true });
    await writeFile(join(folder, "deep/er/any.name"), FILES["alpha"] ?? "");
    await writeFile(join(folder, "beta.deb"), Buffer.alloc(20_001, "forged"));
    await writeFile(join(folder, "unrelated"), "x");
    expect(await takeFromFolder(folder, [LOCK], { store })).toBe(1);
    expect(await store.has(digestOf(FILES["alpha"] ?? ""))).toBe(true);
    expect(await inStore()).toBe(1);
    expect(await takeFromFolder(folder, [LOCK], { store })).toBe(0);
    await rm(folder, { recursive: true });
  });

  test("refuses a folder that is not there", async () => {
    await expect(takeFromFolder("/nowhere/at/all", [LOCK], { store })).rejects.toMatchObject({
      code: "FOLDER_MISSING",
      class: "usage",
    });
  });
});
