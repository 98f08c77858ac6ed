/** Reads addresses out of the settings of this machine's own package programs, by asking the programs themselves. */
import { readFile } from "node:fs/promises";
import { AppError } from "../../shared/errors.ts";
import { exec, PLAIN_ENVIRONMENT } from "../../shared/exec.ts";

export type MachineEnv = { readonly env: NodeJS.ProcessEnv; readonly cwd: string };

/** What steers apt, pip and npm; nothing else is handed to them. */
const HANDED_ON =
  /^(?:PATH|HOME|USER|LOGNAME|APT_CONFIG|VIRTUAL_ENV|XDG_.*|PYENV_.*|PIP_.*|NPM_CONFIG_.*|NODE_EXTRA_CA_CERTS)$/i;
/** pip's help is wrapped at the terminal's width, which would break the address. */
const WIDE = { COLUMNS: "2000" };

/** Whose entry is taken where there are several: bookworm is what recipes ask for first. */
const RELEASES = [
  "bookworm",
  "trixie",
  "stable",
  "oldstable",
  "forky",
  "testing",
  "bullseye",
  "sid",
  "unstable",
];

/** With release info and without a filter, apt is silent on what it has not downloaded yet. */
const APT_QUESTION = ["--no-release-info", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"];

/** All of Debian's suites lie side by side on one mirror, all security suites on another (or the same one). */
export async function aptMirror(
  name: "debian" | "debian-security",
  machine: MachineEnv,
): Promise<string | undefined> {
  const targets = await run(["apt-get", "indextargets", ...APT_QUESTION], machine);
  const uri = chooseAptUri(targets, name);
  return uri?.startsWith("mirror+file:") ? firstOfMirrorList(uri) : uri;
}

/** From lines of `release uri`. */
export function chooseAptUri(targets: string, name: "debian" | "debian-security"): string | undefined {
  const suffix = name === "debian-security" ? "-security" : "";
  const uris = new Map<string, string>();
  for (const line of targets.split("\n")) {
    const [, release, uri] = /^(\S+) (\S+)$/.exec(line) ?? [];
    if (release !== undefined && uri !== undefined && !uris.has(release)) uris.set(release, uri);
  }
  const chosen = RELEASES.find((release) => uris.has(`${release}${suffix}`));
  return chosen === undefined ? undefined : uris.get(`${chosen}${suffix}`);
}

/** Cloud images name a file with a list of mirrors, apt-transport-mirror(1): an address first on each line. */
async function firstOfMirrorList(uri: string): Promise<string | undefined> {
  const lines = (await readFile(uri.replace(/^mirror\+file:(?:\/\/)?/, ""), "utf8")).split("\n");
  return lines.map((line) => line.split(/[\s#]/, 1)[0] ?? "").find((address) => address !== "");
}

const PIPS = [["python3", "-m", "pip"], ["pip3"], ["pip"]] as const;

/** The simple index. What is set comes from `config list`, because the help hides passwords; the default only from the help. */
export async function pipIndex(machine: MachineEnv): Promise<string | undefined> {
  for (const pip of PIPS) {
    try {
      const settings = await run([...pip, "config", "list"], machine);
      return choosePipIndex(settings) ?? defaultPipIndex(await run([...pip, "download", "--help"], machine));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  }
  return undefined;
}

/** From `pip config list`; a variable counts before the command's own section, and that before the global one. */
export function choosePipIndex(settings: string): string | undefined {
  for (const section of [":env:", "download", "global"]) {
    const line = settings.split("\n").find((one) => one.startsWith(`${section}.index-url=`));
    const [, url] = /='(.*)'$/.exec(line ?? "") ?? [];
    if (url !== undefined) return url;
  }
  return undefined;
}

/** From the help: `-i, --index-url <url>   Base URL of … (default https://…). …`. */
export function defaultPipIndex(help: string): string | undefined {
  return /--index-url <url>[^()]*\(default (\S+)\)/.exec(help)?.[1];
}

export async function npmRegistry(machine: MachineEnv): Promise<string | undefined> {
  const text = (await run(["npm", "config", "get", "registry"], machine)).trim();
  return text === "" || text === "undefined" ? undefined : text;
}

async function run(command: readonly [string, ...string[]], { env, cwd }: MachineEnv): Promise<string> {
  const handed = Object.entries(env).flatMap(([name, value]) =>
    HANDED_ON.test(name) && value !== undefined ? [[name, value] as const] : [],
  );
  const [file, ...args] = command;
  const options = { env: { ...PLAIN_ENVIRONMENT, ...Object.fromEntries(handed), ...WIDE }, cwd };
  return (await exec(file, args, options)).stdout;
}
