/** Python's bytecode for all modules of a root, by hash and never looked at again (PEP 552, unchecked): no date in it, the same from every machine. */
import { createReadStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "../../shared/canonical-json.ts";
import { createHasher, digestOf, isDigest, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import { parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";
import type { Reporter } from "../../shared/reporter.ts";
import { compileSchema } from "../../shared/schema.ts";
import { withScratch } from "../../shared/store/scratch.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import { createRangeReader } from "../../shared/tar/ranges.ts";
import type { Content, Tree } from "../assemble/tree.ts";
import { FORMAT } from "../format.ts";
import { BYTECODE_SCRIPT } from "./bytecode-script.ts";
import { runPlan } from "./run-plan.ts";
import { requireSandbox } from "./sandbox.ts";

export type BytecodeInput = {
  /** The root as it will be, without bytecode. */
  readonly root: Tree;
  /** "python3.11", which lies in /usr/bin. */
  readonly python: string;
  /** Below these lie the modules; without a leading slash. */
  readonly folders: readonly RelativePath[];
  readonly ignoreCache: boolean;
};

export type BytecodeDeps = {
  readonly store: Store;
  readonly reporter: Reporter;
  /** Processes at a time. */
  readonly jobs: number;
  readonly signal?: AbortSignal;
  materialize(tree: Tree, folder: string): Promise<void>;
};

export type BytecodeFile = {
  readonly path: RelativePath;
  /** The module that it was made from. */
  readonly from: RelativePath;
  readonly sha256: Digest;
  readonly content: Content;
};

/**
 * In the order of the modules; one that is not this Python's has none. Throws COMPILE_FAILED and COMPILE_RESULT_INVALID (engine),
 * SANDBOX_MISSING, SANDBOX_REFUSED and DISK_FULL (preflight), the signal's reason.
 */
export async function compileBytecode(
  input: BytecodeInput,
  deps: BytecodeDeps,
): Promise<readonly BytecodeFile[]> {
  const sources = modulesOf(input);
  const root = neededBy(input);
  const key = keyOf(input, root);
  const known = input.ignoreCache
    ? undefined
    : await asRemembered(await deps.store.recall("bytecode", key), sources.length, deps.store);
  const made = known ?? (await compileAnew({ root, sources, python: input.python }, deps));
  if (known === undefined) await deps.store.remember("bytecode", key, made);
  return await filesOf(made, { sources, tag: input.python.replace("python3.", "cpython-3") }, deps.store);
}

type Made = { readonly blob: StoredBlob; readonly sizes: readonly number[] };

function modulesOf({ root, folders }: BytecodeInput): readonly RelativePath[] {
  return root.flatMap(({ kind, path }) =>
    kind === "file" && path.endsWith(".py") && folders.some((folder) => path.startsWith(`${folder}/`))
      ? [path]
      : [],
  );
}

/** Modules, and what the interpreter needs: of everything else in its folders Python reads nothing. */
function neededBy({ root, folders, python }: BytecodeInput): Tree {
  const standard = `usr/lib/${python}/`;
  return root.filter(
    ({ kind, path }) =>
      kind === "directory" ||
      path.endsWith(".py") ||
      path.startsWith(standard) ||
      !folders.some((folder) => path.startsWith(`${folder}/`)),
  );
}

/** Dates are in no bytecode. */
function keyOf({ python, folders }: BytecodeInput, root: Tree): Digest {
  const nodes = root.map(({ mtime: _mtime, ...node }) => node);
  return digestOf(
    canonicalJson({ format: FORMAT, script: digestOf(BYTECODE_SCRIPT), python, folders, nodes }),
  );
}

async function compileAnew(
  input: { readonly root: Tree; readonly sources: readonly RelativePath[]; readonly python: string },
  deps: BytecodeDeps,
): Promise<Made> {
  await requireSandbox();
  deps.reporter.step(`Compile ${input.sources.length} Python modules`);
  return await withScratch(deps.store, "bytecode", async (scratch) => {
    const folder = (name: string) => join(scratch, name);
    await deps.materialize(input.root, folder("root"));
    for (const name of ["own", "obj", "out"]) await mkdir(folder(name));
    await writeFile(join(folder("own"), "script.py"), BYTECODE_SCRIPT);
    await writeFile(
      join(folder("own"), "sources.json"),
      JSON.stringify(input.sources.map((path) => `/${path}`)),
    );
    await runPlan(
      {
        root: folder("root"),
        readOnly: [{ from: folder("own"), to: "/build/own" }],
        writable: [
          { from: folder("obj"), to: "/build/obj" },
          { from: folder("out"), to: "/out" },
        ],
        // The hash of strings orders sets while compiling.
        environment: { JOBS: String(deps.jobs), PYTHONHASHSEED: "0" },
        workingDir: "/build",
        command: [`/usr/bin/${input.python}`, "-S", "-s", "-P", "-B", "-W", "ignore", "/build/own/script.py"],
      },
      `${scratch}.log`,
      deps,
    );
    const sizes = parseSizes(await readFile(join(folder("out"), "sizes.json"), "utf8"), input.sources.length);
    const blob = await deps.store.add(createReadStream(join(folder("out"), "bytecode")));
    const made = { blob, sizes };
    if (!addsUp(made)) throw invalid("its sizes do not add up to what it wrote");
    return made;
  });
}

async function filesOf(
  { blob, sizes }: Made,
  { sources, tag }: { readonly sources: readonly RelativePath[]; readonly tag: string },
  store: Store,
): Promise<readonly BytecodeFile[]> {
  const ranges = createRangeReader();
  try {
    const files: BytecodeFile[] = [];
    let offset = 0;
    for (const [index, from] of sources.entries()) {
      const sizeBytes = sizes[index] ?? 0;
      if (sizeBytes === 0) continue;
      const content = { blob: blob.digest, offset, sizeBytes };
      offset += sizeBytes;
      const hasher = createHasher();
      for await (const chunk of ranges.read(store.pathOf(blob.digest), content)) hasher.update(chunk);
      files.push({ path: bytecodePath(from, tag), from, sha256: hasher.finish().digest, content });
    }
    return files;
  } finally {
    await ranges.close();
  }
}

/** PEP 3147. */
function bytecodePath(module: RelativePath, tag: string): RelativePath {
  return parseRelativePath(module.replace(/([^/]+)\.py$/, `__pycache__/$1.${tag}.pyc`));
}

const SIZES = { type: "array", items: { type: "integer", minimum: 0 } };
const validateSizes = compileSchema<readonly number[]>(SIZES);
const validateMade = compileSchema<Made>({
  type: "object",
  required: ["blob", "sizes"],
  properties: {
    blob: { type: "object", required: ["digest", "sizeBytes"] },
    sizes: SIZES,
  },
});

function parseSizes(text: string, count: number): readonly number[] {
  const sizes: unknown = JSON.parse(text);
  if (!validateSizes(sizes) || sizes.length !== count) throw invalid("it wrote no list of sizes");
  return sizes;
}

async function asRemembered(value: unknown, count: number, store: Store): Promise<Made | undefined> {
  if (!validateMade(value) || !isDigest(value.blob.digest) || value.sizes.length !== count) return undefined;
  return addsUp(value) && (await store.has(value.blob.digest)) ? value : undefined;
}

function addsUp({ blob, sizes }: Made): boolean {
  return blob.sizeBytes === sizes.reduce((total, size) => total + size, 0);
}

function invalid(why: string): AppError {
  return new AppError(
    { class: "engine", code: "COMPILE_RESULT_INVALID" },
    `Cannot take the bytecode that Python made: ${why}`,
  );
}
