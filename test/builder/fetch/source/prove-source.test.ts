import { rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { proveSource } from "../../../../src/builder/fetch/source/prove-source.ts";
import type { LockedOrigin } from "../../../../src/builder/lock/lock.ts";
import { digestOf, hexOf } from "../../../../src/shared/digest.ts";
import { exec } from "../../../../src/shared/exec.ts";
import type { Reporter } from "../../../../src/shared/reporter.ts";
import * as fixture from "./fixture.ts";
import { FILES, LOOSE_COMMIT } from "./fixture.ts";

let temporary: fixture.TemporaryStore;
let notes: string[];
beforeEach(async () => {
  temporary = await fixture.temporaryStore();
  notes = [];
});
afterEach(() => temporary.remove());

const reporter: Reporter = { step: () => {}, progress: () => {}, note: (text) => notes.push(text) };

function claim(...origins: LockedOrigin[]) {
  return {
    purl: "pkg:github/x/thing@1",
    commit: fixture.COMMIT,
    tree: fixture.TREE,
    licence: "MIT",
    origins,
  };
}

async function prove(options: fixture.SdistOptions = {}, pin: { readonly tree?: string } = {}) {
  const origin = await fixture.sdistOrigin(temporary.store, await fixture.makeSdist(options));
  return await proveSource({ ...claim(origin), ...pin }, { store: temporary.store, reporter, env: {} });
}

const without = (path: string) => FILES.filter((file) => file.path !== path);

describe("proveSource with a source distribution", () => {
  test("makes one canonical tar of exactly the tree, which GNU tar reads", async () => {
    const { tar } = await prove();
    const path = temporary.store.pathOf(tar.digest);
    const options = ["--list", "--verbose", "--numeric-owner", "--full-time", "--utc"];
    const { stdout: listing } = await exec("tar", [...options, "-f", path]);
    expect(
      listing
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/ +/g, " ")),
    ).toEqual([
      "drwxr-xr-x 0/0 0 2023-11-14 22:13:20 a/",
      "drwxr-xr-x 0/0 0 2023-11-14 22:13:20 a-b/",
      "-rw-r--r-- 0/0 1 2023-11-14 22:13:20 a-b/y",
      "-rw-r--r-- 0/0 1 2023-11-14 22:13:20 a.txt",
      "-rw-r--r-- 0/0 1 2023-11-14 22:13:20 a/x",
      "-rw-r--r-- 0/0 6 2023-11-14 22:13:20 hello",
      "drwxr-xr-x 0/0 0 2023-11-14 22:13:20 lib/",
      "-rw-r--r-- 0/0 4 2023-11-14 22:13:20 lib/deep",
      "lrwxrwxrwx 0/0 0 2023-11-14 22:13:20 link -> lib/none",
      "-rwxr-xr-x 0/0 10 2023-11-14 22:13:20 run",
    ]);
    const files = await fixture.filesIn(temporary.store);
    expect(files, "the sdist and the tar, no scratch").toHaveLength(2);
  });

  test("gives the same tar whatever the packager's order, owners, dates and group permissions", async () => {
    const whole = await prove();
    const files = FILES.toReversed().map((file) => ({ ...file, mode: (file.mode ?? 0o644) | 0o022 }));
    expect(await prove({ files })).toEqual(whole);
  });

  test.each<[string, fixture.SdistOptions]>([
    ["a flipped byte in a file", { files: [...without("hello"), { path: "hello", text: "hellp\n" }] }],
    ["an extra file", { files: [...FILES, { path: "lib/extra", text: "" }] }],
    ["an extra git folder deeper down", { files: [...FILES, { path: "lib/.git/config", text: "" }] }],
    ["a missing file", { files: without("a/x") }],
    ["a program that lost its bit", { files: [...without("run"), { path: "run", text: "#!/bin/sh\n" }] }],
    ["a symlink turned file", { files: [...without("link"), { path: "link", text: "lib/none" }] }],
    [
      "a symlink to elsewhere",
      { files: [...without("link"), { path: "link", kind: "symlink", target: "/etc" }] },
    ],
  ])("refuses %s and keeps nothing", async (_, options) => {
    await expect(prove(options)).rejects.toMatchObject({
      code: "SOURCE_TREE_DIFFERS",
      class: "integrity",
      fields: { commit: fixture.COMMIT, expected: fixture.TREE },
    });
    expect(await fixture.filesIn(temporary.store), "the sdist alone").toHaveLength(1);
  });

  test("refuses a commit object of another tree than the locked one", async () => {
    await expect(prove({}, { tree: "0".repeat(40) })).rejects.toMatchObject({ code: "SOURCE_TREE_DIFFERS" });
  });

  test("refuses a commit object whose bytes are another's", async () => {
    const other = fixture.COMMIT_TEXT.replace("first", "other");
    const text = fixture.looseObject("commit", other).toString("latin1");
    await expect(prove({ gitFiles: [{ ...LOOSE_COMMIT, text }] })).rejects.toMatchObject({
      code: "SOURCE_COMMIT_DIFFERS",
      class: "integrity",
    });
  });

  test.each<[string, string, fixture.SdistOptions]>([
    ["a path that leaves the archive", "PATH_UNSAFE", { beside: [{ path: "pkg-1/../../etc/passwd" }] }],
    ["an absolute path", "PATH_UNSAFE", { beside: [{ path: "/etc/passwd" }] }],
    ["a second top folder", "SDIST_MALFORMED", { beside: [{ path: "pkg-2/file" }] }],
    [
      "a hard link in the tree",
      "SDIST_MALFORMED",
      { files: [...FILES, { path: "h", kind: "hardlink", target: "pkg-1/PKG-INFO" }] },
    ],
    ["a path twice", "SOURCE_PATH_TWICE", { files: [...FILES, { path: "hello", text: "other" }] }],
    ["a file below a file", "SOURCE_PATH_TWICE", { files: [...FILES, { path: "hello/x", text: "" }] }],
  ])("refuses %s with %s", async (_, code, options) => {
    await expect(prove(options)).rejects.toMatchObject({ code, class: "integrity" });
    expect(await fixture.filesIn(temporary.store)).toHaveLength(1);
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ["cut short", (bytes) => bytes.subarray(0, bytes.length - 200)],
    ["with a broken checksum", (bytes) => Buffer.concat([bytes.subarray(0, -8), Buffer.alloc(8)])],
    ["that is no gzip", () => Buffer.from("<html>not found</html>")],
    ["that is empty", () => Buffer.alloc(0)],
  ])("refuses an archive %s", async (_, damage) => {
    const origin = await fixture.sdistOrigin(temporary.store, damage(await fixture.makeSdist()));
    await expect(
      proveSource(claim(origin), { store: temporary.store, reporter, env: {} }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^(SDIST|TAR)_MALFORMED$/), class: "integrity" });
    expect(await fixture.filesIn(temporary.store)).toHaveLength(1);
  });

  test("refuses an archive that was damaged in the store after its download", async () => {
    const bytes = await fixture.makeSdist();
    const origin = await fixture.sdistOrigin(temporary.store, bytes);
    await writeFile(
      temporary.store.pathOf(digestOf(bytes)),
      await fixture.makeSdist({ files: [...FILES, { path: "x" }] }),
    );
    await expect(
      proveSource(claim(origin), { store: temporary.store, reporter, env: {} }),
    ).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });
});

describe("proveSource over several origins", () => {
  test("goes on to the next origin where one lacks the commit object, and says so", async () => {
    const { store } = temporary;
    const bare = await fixture.sdistOrigin(store, await fixture.makeSdist({ gitFiles: [] }));
    const whole = await fixture.sdistOrigin(store, await fixture.makeSdist());
    const { tar } = await proveSource(claim(bare, whole), { store, reporter, env: {} });
    expect(await store.has(tar.digest)).toBe(true);
    expect(notes.join()).toContain(`Cannot find the commit object ${fixture.COMMIT}`);
  });

  test("does not go on where one has other bytes", async () => {
    const { store } = temporary;
    const forged = await fixture.sdistOrigin(store, await fixture.makeSdist({ files: without("a/x") }));
    const whole = await fixture.sdistOrigin(store, await fixture.makeSdist());
    await expect(proveSource(claim(forged, whole), { store, reporter, env: {} })).rejects.toMatchObject({
      code: "SOURCE_TREE_DIFFERS",
    });
  });

  test("names commit, tree and each origin where none has it", async () => {
    const { store } = temporary;
    const bytes = await fixture.makeSdist();
    const absent = await fixture.sdistOrigin(store, bytes);
    await rm(store.pathOf(digestOf(bytes)));
    const bare = await fixture.sdistOrigin(store, await fixture.makeSdist({ gitFiles: [] }));
    const failure = await proveSource(claim(absent, bare), { store, reporter, env: {} }).catch(String);
    expect(failure).toContain(fixture.COMMIT);
    expect(failure).toContain(fixture.TREE);
    expect(failure).toMatch(/is not in the store; pkg\/pkg-1\.tar\.gz: Cannot find the commit object/);
    await expect(proveSource(claim(absent), { store, reporter, env: {} })).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      exitCode: 11,
    });
  });

  test("refuses a tree whose tar is not the locked one", async () => {
    const { store } = temporary;
    const origin = await fixture.sdistOrigin(store, await fixture.makeSdist());
    const tar = { sha256: digestOf("other"), sizeBytes: 5 };
    await expect(proveSource({ ...claim(origin), tar }, { store, reporter, env: {} })).rejects.toMatchObject({
      code: "SOURCE_TAR_DIFFERS",
      class: "integrity",
    });
  });

  test("asks no origin where the locked tar is in the store", async () => {
    const { store } = temporary;
    const { digest, sizeBytes } = await store.add([Buffer.from("proven before")]);
    const source = { ...claim(), tar: { sha256: digest, sizeBytes } };
    expect(await proveSource(source, { store, reporter, env: {} })).toEqual({ tar: { digest, sizeBytes } });
    expect(await fixture.filesIn(store)).toEqual([hexOf(digest)]);
  });
});
