/**
 * A git server as an origin. Git only carries bytes here: which files they are and what they hash to is looked at again
 * by proveFiles. Neither `git archive` nor a checkout is used: attributes and line-end settings change what those write.
 */
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "../../../shared/errors.ts";
import { execStream } from "../../../shared/exec-stream.ts";
import { exec } from "../../../shared/exec.ts";
import { parseRelativePath, type RelativePath } from "../../../shared/relative-path.ts";
import { createBatchReader, type BatchObject } from "./git-batch.ts";
import type { SourceFile, SourceFiles, SourcePin } from "./source-files.ts";

export type CloneInput = { readonly url: string; readonly pin: SourcePin; readonly scratch: string };
export type CloneDeps = { readonly env: NodeJS.ProcessEnv; readonly signal?: AbortSignal };

type Listed = { readonly path: RelativePath; readonly mode: SourceFile["mode"]; readonly id: string };

const FETCH_TIMEOUT_MS = 1_800_000;
/** The user's own git settings and proxies hold; what would point git at another repository does not. */
const PASSED_ON = /^(PATH|HOME|XDG_CONFIG_HOME|GIT_CONFIG_.*|GIT_SSL_.*|SSL_CERT_.*|(https?|all|no)_proxy)$/i;

/**
 * Fetches the one commit, without its history, into a bare repository below `scratch`.
 * Throws AppError SOURCE_CLONE_FAILED (unavailable), EXEC_MISSING (preflight), SOURCE_MODE_UNKNOWN, PATH_UNSAFE (integrity).
 */
export async function cloneSource(input: CloneInput, deps: CloneDeps): Promise<SourceFiles> {
  const repository = join(input.scratch, "repository");
  await mkdir(repository, { recursive: true });
  const git = async (...args: readonly string[]) =>
    (await exec("git", ["-C", repository, ...args], { ...options(deps), timeoutMs: FETCH_TIMEOUT_MS }))
      .stdout;
  try {
    await git("init", "--quiet", "--bare");
    await git("fetch", "--quiet", "--no-tags", "--depth=1", "--", input.url, input.pin.commit);
    const listing = await git("ls-tree", "-r", "-z", "--full-tree", input.pin.commit);
    return await copyObjects({ ...input, repository, listed: parseListing(listing) }, deps);
  } catch (error) {
    throw asUnavailable(error, input);
  }
}

function options({ env, signal }: CloneDeps) {
  const passed = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && PASSED_ON.test(name) ? [[name, value] as const] : [],
  );
  return {
    env: { ...Object.fromEntries(passed), LC_ALL: "C", GIT_TERMINAL_PROMPT: "0" },
    ...(signal === undefined ? {} : { signal }),
  };
}

/** "<mode> <kind> <id>\t<path>\0" each. */
function parseListing(listing: string): readonly Listed[] {
  return listing
    .split("\0")
    .filter((row) => row !== "")
    .map((row) => {
      const [, mode = "", id = "", path = ""] = /^(\d+) \w+ ([0-9a-f]{40})\t([^]*)$/.exec(row) ?? [];
      return { path: parseRelativePath(path), mode: parseMode(mode, path), id };
    });
}

function parseMode(mode: string, path: string): SourceFile["mode"] {
  switch (mode) {
    case "100644":
    case "100755":
    case "120000":
      return mode;
    default:
      throw new AppError(
        { class: "integrity", code: "SOURCE_MODE_UNKNOWN" },
        `Cannot use the tree: ${JSON.stringify(path)} has mode ${mode}, expected a file, a program or a symlink`,
        { fields: { path, received: mode } },
      );
  }
}

/** Writes the contents one behind the other into a single file and says where each lies. */
async function copyObjects(
  input: CloneInput & { readonly repository: string; readonly listed: readonly Listed[] },
  deps: CloneDeps,
): Promise<SourceFiles> {
  const path = join(input.scratch, "contents");
  const contents = await open(path, "wx+", 0o600);
  try {
    const objects = await readObjects(input, contents, deps);
    const [commit, ...blobs] = objects;
    if (commit === undefined) throw new Error("git answered no commit");
    return {
      commit: await readRange(contents, commit),
      path,
      files: await Promise.all(
        input.listed.map(async (file, at) =>
          locate(file, blobs[at] ?? { offset: 0, sizeBytes: 0 }, contents),
        ),
      ),
    };
  } finally {
    await contents.close();
  }
}

async function readObjects(
  input: CloneInput & { readonly repository: string; readonly listed: readonly Listed[] },
  contents: FileHandle,
  deps: CloneDeps,
): Promise<readonly BatchObject[]> {
  const wanted = [input.pin.commit, ...input.listed.map(({ id }) => id)];
  const batch = createBatchReader(wanted);
  const output = execStream("git", ["-C", input.repository, "cat-file", "--batch", "--buffer"], {
    ...options(deps),
    timeoutMs: FETCH_TIMEOUT_MS,
    input: [Buffer.from(wanted.map((id) => `${id}\n`).join(""))],
  });
  for await (const chunk of output) for (const part of batch.push(chunk)) await contents.writeFile(part);
  return batch.finish();
}

async function locate(file: Listed, object: BatchObject, contents: FileHandle): Promise<SourceFile> {
  if (file.mode !== "120000") return { path: file.path, mode: file.mode, ...object };
  return { path: file.path, mode: file.mode, target: (await readRange(contents, object)).toString("utf8") };
}

async function readRange(file: FileHandle, { offset, sizeBytes }: BatchObject): Promise<Buffer> {
  const { buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offset);
  return buffer;
}

function asUnavailable(error: unknown, { url, pin }: CloneInput): unknown {
  if (!(error instanceof AppError) || error.code !== "EXEC_FAILED") return error;
  return new AppError(
    { class: "unavailable", code: "SOURCE_CLONE_FAILED" },
    `Cannot fetch commit ${pin.commit} from ${url}: ${messageOf(error)}`,
    { cause: error, fields: { url, commit: pin.commit } },
  );
}
