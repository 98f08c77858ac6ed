/** What a compile left in /out: kept in the store as blobs, remembered as a list, and seen as a tree below its destination. */
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { isDigest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import { byKey } from "../../shared/order.ts";
import { joinRelative, parentOf, parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";
import { compileSchema } from "../../shared/schema.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Content, Tree, TreeNode } from "../assemble/tree.ts";
import { DIRECTORY_MODE, FILE_MODE, PROGRAM_MODE } from "../format.ts";

export type CompiledFile =
  | {
      readonly kind: "file";
      readonly name: RelativePath;
      readonly program: boolean;
      readonly content: Content;
    }
  | { readonly kind: "symlink"; readonly name: RelativePath; readonly target: RelativePath };

const SYMLINK_MODE = 0o777;

/**
 * Regular files and symlinks between them; of a file's permissions only whether it may run is kept.
 * Throws AppError COMPILE_RESULT_INVALID (engine) for anything else, and for nothing at all.
 */
export async function collectCompiled(out: string, store: Store): Promise<readonly CompiledFile[]> {
  const names = (await readdir(out)).map(parseRelativePath);
  if (names.length === 0) throw invalid("nothing in it, expected files");
  const files: CompiledFile[] = [];
  for (const name of names) files.push(await collect(out, name, store));
  const dangling = files.find((file) => file.kind === "symlink" && !names.includes(file.target));
  if (dangling !== undefined) throw invalid(`"${dangling.name}" leads nowhere in it`);
  return files.sort(byKey(({ name }) => name));
}

async function collect(out: string, name: RelativePath, store: Store): Promise<CompiledFile> {
  const path = join(out, name);
  const info = await lstat(path);
  if (info.isSymbolicLink()) {
    const target = await readlink(path);
    if (target.includes("/")) throw invalid(`"${name}" is a symlink to "${target}", expected one within it`);
    return { kind: "symlink", name, target: parseRelativePath(target) };
  }
  if (!info.isFile()) throw invalid(`"${name}" is neither a regular file nor a symlink`);
  const { digest, sizeBytes } = await store.add(createReadStream(path));
  return {
    kind: "file",
    name,
    program: (info.mode & 0o100) !== 0,
    content: { blob: digest, offset: 0, sizeBytes },
  };
}

/** Owner 0, every date `epoch`, and the folders from the root down to `destination`. */
export function toTree(files: readonly CompiledFile[], destination: string, epoch: number): Tree {
  const folder = parseRelativePath(destination.replace(/^\//, ""));
  const common = { uid: 0, gid: 0, mtime: epoch };
  const nodes: TreeNode[] = files.map((file) => {
    const path = joinRelative(folder, file.name);
    return file.kind === "symlink"
      ? { ...common, kind: "symlink", path, mode: SYMLINK_MODE, target: file.target }
      : {
          ...common,
          kind: "file",
          path,
          mode: file.program ? PROGRAM_MODE : FILE_MODE,
          content: file.content,
        };
  });
  for (let path: RelativePath | undefined = folder; path !== undefined; path = parentOf(path))
    nodes.push({ ...common, kind: "directory", path, mode: DIRECTORY_MODE });
  return nodes.sort(byKey(({ path }) => path));
}

const NAME = { type: "string", pattern: "^[^/\\u0000\\n]+$", not: { enum: [".", ".."] } };
const validate = compileSchema<readonly CompiledFile[]>({
  type: "array",
  minItems: 1,
  items: {
    type: "object",
    required: ["kind"],
    oneOf: [
      {
        additionalProperties: false,
        required: ["kind", "name", "target"],
        properties: { kind: { const: "symlink" }, name: NAME, target: NAME },
      },
      {
        additionalProperties: false,
        required: ["kind", "name", "program", "content"],
        properties: {
          kind: { const: "file" },
          name: NAME,
          program: { type: "boolean" },
          content: {
            type: "object",
            additionalProperties: false,
            required: ["blob", "offset", "sizeBytes"],
            properties: {
              blob: { type: "string" },
              offset: { const: 0 },
              sizeBytes: { type: "integer", minimum: 0 },
            },
          },
        },
      },
    ],
  },
});

/** A remembered result that is whole, with every blob in the store; undefined for anything else, which is then compiled anew. */
export async function asCompiled(value: unknown, store: Store): Promise<readonly CompiledFile[] | undefined> {
  if (!validate(value)) return undefined;
  for (const file of value) {
    if (file.kind !== "file") continue;
    if (!isDigest(file.content.blob) || !(await store.has(file.content.blob))) return undefined;
  }
  return value;
}

function invalid(why: string): AppError {
  return new AppError(
    { class: "engine", code: "COMPILE_RESULT_INVALID" },
    `Cannot take the compiled files from /out: ${why}`,
  );
}
