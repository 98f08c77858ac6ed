/** A small source tree whose ids were taken from git itself, and source distributions that hold it, whole or damaged. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import type { LockedOrigin } from "../../../../src/builder/lock/lock.ts";
import { digestOf } from "../../../../src/shared/digest.ts";
import { parseRelativePath } from "../../../../src/shared/relative-path.ts";
import { openStore, type Store } from "../../../../src/shared/store/store.ts";
import type { TarKind } from "../../../../src/shared/tar/header.ts";
import { writeTar } from "../../../../src/shared/tar/write.ts";

/** `git write-tree` and `git commit` gave these ids for FILES and COMMIT_TEXT. */
export const TREE = "096a6c875b6ee5056e874e10189e7ae75082908b";
export const COMMIT = "99435f046125e5f5ca0aa9c851fb2f2b851c0bc7";
export const COMMIT_TEXT = `tree ${TREE}\nauthor n <a@b.c> 1700000000 +0100\ncommitter n <a@b.c> 1700000000 +0100\n\nfirst\n`;
export const COMMITTED_AT = 1_700_000_000;

export type FixtureFile = {
  readonly path: string;
  readonly kind?: TarKind;
  readonly mode?: number;
  readonly text?: string;
  readonly target?: string;
};

/** The order of folders matters here: "a-b/" comes before "a.txt" and that before "a/", though "a" is the shortest. */
export const FILES: readonly FixtureFile[] = [
  { path: "a-b/y", text: "y" },
  { path: "a.txt", text: "z" },
  { path: "a/x", text: "x" },
  { path: "hello", text: "hello\n" },
  { path: "lib/deep", text: "deep" },
  { path: "link", kind: "symlink", target: "lib/none" },
  { path: "run", text: "#!/bin/sh\n", mode: 0o755 },
];

export function looseObject(kind: string, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  return deflateSync(Buffer.concat([Buffer.from(`${kind} ${bytes.length}\0`), bytes]));
}

export const LOOSE_COMMIT: FixtureFile = {
  path: `objects/${COMMIT.slice(0, 2)}/${COMMIT.slice(2)}`,
  text: looseObject("commit", COMMIT_TEXT).toString("latin1"),
};

export type SdistOptions = {
  readonly files?: readonly FixtureFile[];
  readonly gitFiles?: readonly FixtureFile[];
  /** Members as they are, beside all others. */
  readonly beside?: readonly FixtureFile[];
};

/** pkg-1/vendor/thing with the files, pkg-1/.git/modules/thing with git's. Text is latin1, so it can hold any bytes. */
export async function makeSdist(options: SdistOptions = {}): Promise<Buffer> {
  const { files = FILES, gitFiles = [LOOSE_COMMIT], beside = [] } = options;
  const members = [
    { path: "pkg-1/PKG-INFO", text: "Name: pkg\n" },
    ...gitFiles.map((file) => ({ ...file, path: `pkg-1/.git/modules/thing/${file.path}` })),
    { path: "pkg-1/vendor/thing/.git", text: "gitdir: ../../.git/modules/thing\n" },
    ...files.map((file) => ({ ...file, path: `pkg-1/vendor/thing/${file.path}` })),
    ...beside,
  ];
  const tar: Uint8Array[] = [];
  for await (const chunk of writeTar(members.map(tarSource))) tar.push(chunk);
  return gzipSync(Buffer.concat(tar));
}

function tarSource({ path, kind = "file", mode = 0o644, text = "", target = "" }: FixtureFile) {
  const content = Buffer.from(text, "latin1");
  return {
    path,
    kind,
    mode,
    uid: 1000,
    gid: 1000,
    mtime: 1_234_567_890,
    sizeBytes: kind === "file" ? content.length : 0,
    linkTarget: target,
    content: () => [content],
  };
}

export type TemporaryStore = { readonly store: Store; remove(): Promise<void> };

export async function temporaryStore(): Promise<TemporaryStore> {
  const root = await mkdtemp(join(tmpdir(), "cloister-source-"));
  return { store: await openStore(root), remove: () => rm(root, { recursive: true, force: true }) };
}

export async function sdistOrigin(store: Store, bytes: Uint8Array): Promise<LockedOrigin> {
  await store.add([bytes]);
  return {
    kind: "sdist",
    folder: parseRelativePath("vendor/thing"),
    gitFolder: parseRelativePath(".git/modules/thing"),
    file: {
      purl: "pkg:pypi/pkg@1",
      mirror: "pypi",
      path: parseRelativePath("pkg/pkg-1.tar.gz"),
      sha256: digestOf(bytes),
      sizeBytes: bytes.length,
    },
  };
}

/** Every file below the store, so that a test can say what is left in it. */
export async function filesIn(store: Store): Promise<readonly string[]> {
  const entries = await readdir(store.root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
