/** Where a lock's inputs come from on this machine: flags first, then what apt, pip and npm are set to. */
import { AppError, isErrno } from "../../shared/errors.ts";
import { parseHttpUrl } from "../../shared/url.ts";
import { MIRROR_NAMES, type MirrorName } from "./lock.ts";
import { aptMirror, npmRegistry, pipIndex, type MachineEnv } from "./machine-mirrors.ts";

export type Mirrors = {
  /**
   * Ends in "/"; may hold credentials, so never show it as it is. Asked for only when needed: a machine without pip can lock what
   * needs no index of Python packages. Throws AppError MIRROR_UNKNOWN (preflight) naming the flag.
   */
  urlOf(name: MirrorName): Promise<string>;
};

/** `flags` are NAME=URL. Throws AppError MIRROR_INVALID and URL_INVALID (usage) for those that are not. */
export function readMirrors(flags: readonly string[], env: MachineEnv): Mirrors {
  const given = new Map(flags.map(parseFlag));
  const asked = new Map<MirrorName, Promise<string>>();
  return {
    urlOf: (name) => {
      const url = given.get(name);
      if (url !== undefined) return Promise.resolve(url);
      const known = asked.get(name) ?? urlFromMachine(name, env);
      asked.set(name, known);
      return known;
    },
  };
}

function parseFlag(flag: string): readonly [MirrorName, string] {
  const [, text = "", url = ""] = /^([^=]*)=(.*)$/s.exec(flag) ?? [];
  const name = MIRROR_NAMES.find((one) => one === text);
  if (name === undefined) {
    throw new AppError(
      { class: "usage", code: "MIRROR_INVALID" },
      `Cannot use --mirror "${flag.replace(/\/\/[^/]*@/, "//")}": expected NAME=URL with one of ${MIRROR_NAMES.join(", ")}`,
    );
  }
  return [name, normalised(url)];
}

async function urlFromMachine(name: MirrorName, env: MachineEnv): Promise<string> {
  try {
    const url = await askMachine(name, env);
    if (url !== undefined) return normalised(url);
  } catch (error) {
    if (error instanceof AppError || isErrno(error, "ENOENT")) throw unknown(name, error);
    throw error;
  }
  throw unknown(name, undefined);
}

function askMachine(name: MirrorName, env: MachineEnv): Promise<string | undefined> {
  switch (name) {
    case "debian":
    case "debian-security":
      return aptMirror(name, env);
    case "pypi":
      return pipIndex(env);
    case "npm":
      return npmRegistry(env);
  }
}

function normalised(url: string): string {
  parseHttpUrl(url);
  return url.endsWith("/") ? url : `${url}/`;
}

const PROGRAMS: Readonly<Record<MirrorName, string>> = {
  debian: "apt",
  "debian-security": "apt",
  pypi: "pip",
  npm: "npm",
};

function unknown(name: MirrorName, cause: unknown): AppError {
  return new AppError(
    { class: "preflight", code: "MIRROR_UNKNOWN" },
    `Cannot find the mirror "${name}": this machine's ${PROGRAMS[name]} settings name none`,
    { cause, hint: `Name it: --mirror ${name}=URL`, fields: { mirror: name } },
  );
}
