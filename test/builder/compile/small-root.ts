/** A root of a shell and a few programs, taken from this host into a store, and a source and script small enough for a second. */
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { materialize } from "../../../src/builder/assemble/materialize.ts";
import type { Tree, TreeNode } from "../../../src/builder/assemble/tree.ts";
import type { CompileDeps, CompileInput } from "../../../src/builder/compile/compile-image.ts";
import { exec } from "../../../src/shared/exec.ts";
import { compareCodeUnits } from "../../../src/shared/order.ts";
import { parentOf, parseRelativePath, type RelativePath } from "../../../src/shared/relative-path.ts";
import { silentReporter } from "../../../src/shared/reporter.ts";
import { openStore, type Store } from "../../../src/shared/store/store.ts";
import { writeTar } from "../../../src/shared/tar/write.ts";

const PROGRAMS = "sh cat chmod env grep id ln ls mkdir mknod rm sed sleep touch uname".split(" ");
const COMMON = { uid: 0, gid: 0, mtime: 1_600_000_000 };
const COMMIT = "99435f046125e5f5ca0aa9c851fb2f2b851c0bc7";
export const SOURCE_DATE = 1_700_000_000;

async function smallRoot(store: Store): Promise<Tree> {
  const files = new Set<string>();
  for (const program of PROGRAMS) {
    const path = `/usr/bin/${program}`;
    files.add(path);
    const { stdout } = await exec("ldd", [path]);
    for (const [, library = ""] of stdout.matchAll(/(\/\S+) \(0x/g)) files.add(library);
  }
  const paths = new Map<RelativePath, TreeNode>();
  const add = (node: TreeNode): void => {
    paths.set(node.path, node);
    const parent = parentOf(node.path);
    if (parent !== undefined && !paths.has(parent))
      add({ ...COMMON, kind: "directory", path: parent, mode: 0o755 });
  };
  for (const file of files) {
    const { digest, sizeBytes } = await store.add(createReadStream(file));
    const content = { blob: digest, offset: 0, sizeBytes };
    add({ ...COMMON, kind: "file", path: parseRelativePath(file.slice(1)), mode: 0o755, content });
  }
  add({ ...COMMON, kind: "symlink", path: parseRelativePath("bin"), mode: 0o777, target: "usr/bin" });
  return [...paths.values()].sort((a, b) => compareCodeUnits(a.path, b.path));
}

export type Bench = {
  readonly store: Store;
  /** A folder for the test's own files. */
  readonly folder: string;
  readonly root: Tree;
  remove(): Promise<void>;
};

export async function openBench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-compile-"));
  const store = await openStore(join(folder, "store"));
  return {
    store,
    folder,
    root: await smallRoot(store),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Source: one file that says hello. Own sources: the script, and a launcher of one file. */
export async function prepare(bench: Bench, script: string): Promise<CompileInput> {
  const image = await mkdtemp(join(bench.folder, "image-"));
  await mkdir(join(image, "launcher"));
  await writeFile(join(image, "launcher/main.c"), "int main;\n");
  await writeFile(join(image, "compile.sh"), script);
  const content = Buffer.from("hello\n");
  const member = {
    path: "hello",
    kind: "file",
    mode: 0o644,
    linkTarget: "",
    sizeBytes: content.length,
  } as const;
  const tar = await bench.store.add(
    writeTar([{ ...COMMON, ...member, mtime: SOURCE_DATE, content: () => [content] }]),
  );
  const source = {
    purl: "pkg:github/example/thing@1",
    commit: COMMIT,
    tree: "096a6c875b6ee5056e874e10189e7ae75082908b",
    licence: "MIT",
    origins: [],
  };
  return {
    compile: { packages: [], source, script: "compile.sh", launcher: "launcher", destination: "/opt/thing" },
    folder: image,
    lock: {
      packages: [],
      omitted: [],
      source: { ...source, tar: { sha256: tar.digest, sizeBytes: tar.sizeBytes } },
    },
    epoch: 1_650_000_000,
    backends: "one",
    ignoreCache: false,
  };
}

export type CountingDeps = CompileDeps & { readonly assembled: () => number };

export function depsOf(bench: Bench, changes: Partial<CompileDeps> = {}): CountingDeps {
  let assembled = 0;
  return {
    store: bench.store,
    reporter: silentReporter,
    jobs: 2,
    assembleRoot: async () => {
      assembled += 1;
      return bench.root;
    },
    materialize: (tree, folder) => materialize(tree, folder, { store: bench.store }),
    assembled: () => assembled,
    ...changes,
  };
}
