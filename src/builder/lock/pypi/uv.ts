/**
 * Resolution is uv's: it knows every rule of versions, markers and extras. What it decides is only which version of which project;
 * files, digests and sizes come from the index and are held against each other by everything after that.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError, isErrno, messageOf } from "../../../shared/errors.ts";
import { exec, PLAIN_ENVIRONMENT } from "../../../shared/exec.ts";
import type { Reporter } from "../../../shared/reporter.ts";
import { withScratch } from "../../../shared/store/scratch.ts";
import type { Store } from "../../../shared/store/store.ts";
import type { OmittedPackage, WantedWheel } from "../../recipe/recipe.ts";
import type { Mirrors } from "../mirrors.ts";
import { normaliseProject } from "../registry/pypi.ts";
import type { Pin } from "./choose-wheel.ts";
import { GLIBC_MINOR } from "./tags.ts";

const UV_VERSION = "0.13.9";

export type UvDeps = {
  readonly store: Store;
  readonly mirrors: Mirrors;
  readonly reporter: Reporter;
  /** pip's own settings are handed to pip, its certificates to uv. */
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
};

export type Wish = {
  readonly wanted: readonly WantedWheel[];
  readonly omit: readonly OmittedPackage[];
  /** 3.11.2 */
  readonly python: string;
  /** What the lock was so far: kept where it still fits, so that a lock moves only with its recipe. */
  readonly previous: readonly Pin[];
};

/**
 * The wanted wheels and everything that they ask for, sorted. Throws WHEELS_UNRESOLVED (usage) with what uv says, UV_MISSING
 * (preflight) where pip cannot install uv, MIRROR_UNKNOWN (preflight).
 */
export async function resolveWheels(wish: Wish, deps: UvDeps): Promise<readonly Pin[]> {
  const index = await deps.mirrors.urlOf("pypi");
  const uv = await requireUv(index, deps);
  deps.reporter.step(`Resolve ${wish.wanted.map(({ project }) => project).join(", ")} with uv ${UV_VERSION}`);
  return await withScratch(deps.store, "uv", async (folder) => {
    const path = (name: string) => join(folder, name);
    await writeFile(path("wanted.in"), wish.wanted.map(pinned).join(""));
    await writeFile(path("omit.in"), wish.omit.map((one) => `${one.package}\n`).join(""));
    await writeFile(path("pins.txt"), wish.previous.map(pinned).join(""));
    const certificates = certificatesOf(deps.env);
    await exec(uv, [...argumentsOf(wish.python, path), path("wanted.in")], {
      env: {
        ...PLAIN_ENVIRONMENT,
        ...(deps.env["PATH"] === undefined ? {} : { PATH: deps.env["PATH"] }),
        HOME: folder,
        UV_DEFAULT_INDEX: index,
        UV_CACHE_DIR: join(deps.store.root, "tools", "uv-cache"),
        ...(certificates === undefined ? {} : { SSL_CERT_FILE: certificates }),
      },
      timeoutMs: 600_000,
      ...(deps.signal === undefined ? {} : { signal: deps.signal }),
    }).catch((error: unknown) => {
      throw isCode(error, "EXEC_FAILED") ? unresolved(error, index) : error;
    });
    return parsePins(await readFile(path("pins.txt"), "utf8"));
  });
}

function argumentsOf(python: string, path: (name: string) => string): readonly string[] {
  return [
    ["pip", "compile", "--quiet", "--no-config", "--no-python-downloads", "--color", "never"],
    ["--python-version", python, "--python-platform", `x86_64-manylinux_2_${GLIBC_MINOR}`],
    ["--only-binary", ":all:", "--no-header", "--annotation-style", "line"],
    ["--excludes", path("omit.in"), "--output-file", path("pins.txt")],
  ].flat();
}

const PIN = /^(?<project>[A-Za-z0-9._-]+)==(?<version>\S+)(?:\s+# via (?<via>.*))?$/;

/** From lines of `project==version  # via asker, other`. An asker that starts with "-r" is the recipe. Throws WHEELS_UNRESOLVED (usage). */
export function parsePins(text: string): readonly Pin[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const { project, version, via = "" } = PIN.exec(line)?.groups ?? {};
      if (project === undefined || version === undefined)
        throw unresolved(new Error(`its line ${JSON.stringify(line.slice(0, 200))} is no pin`), "");
      const askers = via.split(", ").filter((asker) => asker !== "");
      const [asker] = askers;
      const isWanted = asker === undefined || askers.some((one) => one.startsWith("-r "));
      return {
        project: normaliseProject(project),
        version,
        ...(isWanted ? {} : { because: normaliseProject(asker) }),
      };
    });
}

/** Installed by pip, alone and once, beside what the store holds: nothing of it ever reaches an image. */
async function requireUv(index: string, deps: UvDeps): Promise<string> {
  const folder = join(deps.store.root, "tools", `uv-${UV_VERSION}`);
  const program = join(folder, "bin", "uv");
  if (await runs(program)) return program;
  deps.reporter.step(`Install uv ${UV_VERSION} with pip`);
  await mkdir(dirname(folder), { recursive: true });
  await withScratch(deps.store, "pip", async (scratch) => {
    const target = join(scratch, "uv");
    const flags = ["--quiet", "--no-deps", "--only-binary", ":all:", "--target", target, `uv==${UV_VERSION}`];
    try {
      await exec("python3", ["-m", "pip", "install", ...flags], {
        env: { ...PLAIN_ENVIRONMENT, ...pipEnvironment(deps.env), HOME: scratch, PIP_INDEX_URL: index },
        timeoutMs: 600_000,
        ...(deps.signal === undefined ? {} : { signal: deps.signal }),
      });
    } catch (error) {
      throw uvMissing(error);
    }
    try {
      await rename(target, folder);
    } catch (error) {
      // Another run was faster.
      if (!isErrno(error, "ENOTEMPTY") && !isErrno(error, "EEXIST")) throw error;
    }
  });
  return program;
}

async function runs(program: string): Promise<boolean> {
  try {
    return (await exec(program, ["--version"])).stdout.startsWith(`uv ${UV_VERSION}`);
  } catch (error) {
    if (isCode(error, "EXEC_MISSING")) return false;
    throw error;
  }
}

function pipEnvironment(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const handed = Object.entries(env).flatMap(([name, value]) =>
    /^(?:PATH|PIP_.*|PYENV_.*|VIRTUAL_ENV|HTTPS?_PROXY|NO_PROXY)$/i.test(name) && value !== undefined
      ? [[name, value] as const]
      : [],
  );
  return Object.fromEntries(handed);
}

function certificatesOf(env: NodeJS.ProcessEnv): string | undefined {
  return env["SSL_CERT_FILE"] ?? env["PIP_CERT"] ?? env["NODE_EXTRA_CA_CERTS"];
}

function pinned({ project, version }: { readonly project: string; readonly version: string }): string {
  return `${project}==${version}\n`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof AppError && error.code === code;
}

function unresolved(cause: unknown, index: string): AppError {
  const said = cause instanceof AppError ? String(cause.fields["stderr"] ?? "") : messageOf(cause);
  const shown = index === "" ? said : said.replaceAll(index, "the index/");
  return new AppError(
    { class: "usage", code: "WHEELS_UNRESOLVED" },
    `Cannot resolve the wheels: ${shown.trim()}`,
    { hint: "Change the recipe's wanted or omitted wheels", cause },
  );
}

function uvMissing(cause: unknown): AppError {
  return new AppError(
    { class: "preflight", code: "UV_MISSING" },
    `Cannot install uv ${UV_VERSION}, which resolves wheels: ${messageOf(cause)}`,
    {
      cause,
      hint: "The index must have it, and this machine pip: on Debian, apt-get install --no-install-recommends python3-pip",
    },
  );
}
