/** This host's Python and its standard library as a root, and modules small enough for a second. */
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { materialize } from "../../../src/builder/assemble/materialize.ts";
import type { Tree, TreeNode } from "../../../src/builder/assemble/tree.ts";
import {
  compileBytecode,
  type BytecodeDeps,
  type BytecodeFile,
} from "../../../src/builder/compile/compile-bytecode.ts";
import type { Json } from "../../../src/shared/canonical-json.ts";
import { digestFromHex, digestOf } from "../../../src/shared/digest.ts";
import { exec } from "../../../src/shared/exec.ts";
import { compareCodeUnits } from "../../../src/shared/order.ts";
import { parentOf, parseRelativePath, type RelativePath } from "../../../src/shared/relative-path.ts";
import { silentReporter } from "../../../src/shared/reporter.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { createRangeReader } from "../../../src/shared/tar/ranges.ts";
import { temporaryStore } from "../temporary.ts";

const PYTHON = "/usr/bin/python3.11";
const STANDARD = "/usr/lib/python3.11";
const COMMON = { uid: 0, gid: 0, mtime: 1_600_000_000 };
const MODULES = {
  "a.py": "names = {'one', 'two', 'three'}\n",
  "b/__init__.py": "",
  "b/bad.py": "print 'old'\n",
};

let store: Store;
let python: readonly TreeNode[];
beforeAll(async () => {
  store = await temporaryStore();
  const files = new Set([PYTHON]);
  for (const [, library = ""] of (await exec("ldd", [PYTHON])).stdout.matchAll(/(\/\S+) \(0x/g))
    files.add(library);
  for (const entry of await readdir(STANDARD, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && path.endsWith(".py") && !/\/(?:dist-packages|test|idlelib|lib2to3)\//.test(path))
      files.add(path);
  }
  const nodes: TreeNode[] = [];
  for (const file of files) nodes.push(await fileNode(file.slice(1), createReadStream(file), 0o755));
  python = nodes;
});

async function fileNode(path: string, bytes: Parameters<Store["add"]>[0], mode = 0o644): Promise<TreeNode> {
  const { digest: blob, sizeBytes } = await store.add(bytes);
  const content = { blob, offset: 0, sizeBytes };
  return { ...COMMON, kind: "file", path: parseRelativePath(path), mode, content };
}

async function rootOf(
  modules: Readonly<Record<string, string>>,
  more: readonly TreeNode[] = python,
): Promise<Tree> {
  const own = Object.entries(modules).map(([path, text]) => fileNode(`site/${path}`, [Buffer.from(text)]));
  const nodes = new Map<RelativePath, TreeNode>();
  for (const node of [...more, ...(await Promise.all(own))]) {
    nodes.set(node.path, node);
    for (let one = parentOf(node.path); one !== undefined && !nodes.has(one); one = parentOf(one))
      nodes.set(one, { ...COMMON, kind: "directory", path: one, mode: 0o755 });
  }
  return [...nodes.values()].sort((a, b) => compareCodeUnits(a.path, b.path));
}

type More = {
  readonly root?: Tree;
  readonly jobs?: number;
  readonly ignoreCache?: boolean;
  readonly runs?: string[];
};

async function compile(more: More = {}): Promise<readonly BytecodeFile[]> {
  const { jobs = 2, ignoreCache = true, runs = [], root = await rootOf(MODULES) } = more;
  const deps: BytecodeDeps = {
    store,
    reporter: silentReporter,
    jobs,
    materialize: async (tree, folder) => {
      runs.push(folder);
      await materialize(tree, folder, { store });
    },
  };
  const folders = [parseRelativePath("site")];
  return await compileBytecode({ root, python: "python3.11", folders, ignoreCache }, deps);
}

async function bytesOf({ content }: BytecodeFile): Promise<Buffer> {
  const ranges = createRangeReader();
  const chunks = await Array.fromAsync(ranges.read(store.pathOf(content.blob), content));
  await ranges.close();
  return Buffer.concat(chunks);
}

describe("bytecode", () => {
  test("lies where Python looks, by hash and unchecked; a module of another Python has none", async () => {
    const files = await compile();
    expect(files.map(({ path, from }) => [path, from])).toEqual([
      ["site/__pycache__/a.cpython-311.pyc", "site/a.py"],
      ["site/b/__pycache__/__init__.cpython-311.pyc", "site/b/__init__.py"],
    ]);
    for (const file of files) {
      const bytes = await bytesOf(file);
      expect(bytes.subarray(2, 8).toString("hex")).toBe("0d0a01000000");
      expect(bytes.includes(`/${file.from}`)).toBe(true);
      expect(digestOf(bytes)).toBe(file.sha256);
    }
  });

  test("is what Python itself makes of the module", async () => {
    const [file] = await compile();
    const script =
      "import importlib.util, sys\nsource = sys.stdin.buffer.read()\nimport _imp, marshal\ncode = compile(source, '/site/a.py', 'exec', dont_inherit=True)\nsys.stdout.write(importlib._bootstrap_external._code_to_hash_pyc(code, _imp.source_hash(importlib.util._RAW_MAGIC_NUMBER, source), False).hex())";
    const { stdout } = await exec(PYTHON, ["-S", "-c", script], {
      input: MODULES["a.py"],
      env: { PYTHONHASHSEED: "0" },
    });
    expect(file && (await bytesOf(file)).toString("hex")).toBe(stdout);
  });

  test("does not depend on how many processes there are, nor on what else is compiled", async () => {
    const all = await compile({ jobs: 1 });
    expect((await compile({ jobs: 7 })).map(({ sha256 }) => sha256)).toEqual(all.map(({ sha256 }) => sha256));
    const alone = await compile({ root: await rootOf({ "a.py": MODULES["a.py"] }) });
    expect(alone[0]?.sha256).toBe(all[0]?.sha256);
  });
});

describe("what was made before", () => {
  test("is taken again for the same root, whatever its dates, and made anew where it is not whole", async () => {
    const runs: string[] = [];
    const root = await rootOf({ "once.py": "x = 1\n" });
    const first = await compile({ root, runs, ignoreCache: false });
    const younger = root.map((node) => ({ ...node, mtime: node.mtime + 1 }));
    expect(await compile({ root: younger, runs, ignoreCache: false })).toEqual(first);
    expect(runs).toHaveLength(1);

    for (const damage of [(size: number) => [size, 0], (size: number) => [size + 1]]) {
      await damageMemories(damage);
      expect(await compile({ root, runs, ignoreCache: false })).toEqual(first);
    }
    expect(runs).toHaveLength(3);
  });

  test("is not taken for a module with another text, nor for another standard library", async () => {
    const runs: string[] = [];
    const one = await compile({ root: await rootOf({ "t.py": "x = 1\n" }), runs, ignoreCache: false });
    const two = await compile({ root: await rootOf({ "t.py": "x = 2\n" }), runs, ignoreCache: false });
    expect(two[0]?.sha256).not.toBe(one[0]?.sha256);
    const more = [...python, await fileNode("usr/lib/python3.11/more.py", [Buffer.from("")])];
    await compile({ root: await rootOf({ "t.py": "x = 2\n" }, more), runs, ignoreCache: false });
    expect(runs).toHaveLength(3);
  });
});

test("a root without the interpreter is a failed compilation, and nothing of it is kept", async () => {
  const root = await rootOf(
    { "a.py": "" },
    python.filter(({ path }) => path !== "usr/bin/python3.11"),
  );
  await expect(compile({ root, ignoreCache: false })).rejects.toMatchObject({
    code: "COMPILE_FAILED",
    class: "engine",
  });
  expect((await readdir(join(store.root, "partial"))).filter((name) => !name.endsWith(".log"))).toEqual([]);
});

/** Of one module each: others are left as they are. */
async function damageMemories(damage: (size: number) => readonly number[]): Promise<void> {
  const folder = join(store.root, "derived/bytecode");
  for (const name of await readdir(folder)) {
    const made = JSON.parse(await readFile(join(folder, name), "utf8")) as { blob: Json; sizes: number[] };
    const [size = 0, ...others] = made.sizes;
    if (others.length === 0)
      await store.remember("bytecode", digestFromHex(name), { ...made, sizes: damage(size) });
  }
}
