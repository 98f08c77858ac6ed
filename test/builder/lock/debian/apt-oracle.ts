/** apt itself, on an empty system in a folder of its own, with the mirrors that this machine's apt is set to. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../../../../src/shared/exec.ts";

type SuiteFiles = {
  readonly suite: string;
  readonly inRelease: string;
  readonly packages: string | undefined;
};

export type AptOracle = {
  readonly suites: readonly SuiteFiles[];
  /** `name version` of all that `apt-get install` would install, sorted. */
  simulateInstall(names: readonly string[]): Promise<readonly string[]>;
  remove(): Promise<void>;
};

export type AptOracleOptions = {
  readonly suites: readonly string[];
  readonly indexes: "with packages" | "releases only";
};

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** A suite that this machine has no entry for lies beside one of these. */
const BESIDE = { main: "bookworm", security: "bookworm-security" };

export async function startAptOracle(options: AptOracleOptions): Promise<AptOracle> {
  const root = await mkdtemp(join(tmpdir(), "apt-oracle-"));
  const lists = join(root, "state/lists");
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(root, "cache/archives/partial"), { recursive: true });
  const mirrors = await mirrorsOfThisMachine();
  await writeFile(join(root, "status"), "");
  await writeFile(join(root, "sources.list"), sourcesOf(options.suites, mirrors));
  await writeFile(join(root, "apt.conf"), configurationOf(root, options));
  const apt = async (...args: readonly string[]) =>
    exec("apt-get", ["-q", "-c", join(root, "apt.conf"), ...args], { timeoutMs: 240_000 });
  await apt("update");

  const files = await readdir(lists);
  const pathOf = (ending: string) =>
    files.filter((name) => name.endsWith(ending)).map((name) => join(lists, name))[0];
  return {
    suites: options.suites.map((suite) => ({
      suite,
      inRelease: pathOf(`_dists_${suite}_InRelease`) ?? "",
      packages: pathOf(`_dists_${suite}_main_binary-amd64_Packages`),
    })),
    simulateInstall: async (names) => installed((await apt("-s", "install", ...names)).stdout),
    remove: () => rm(root, { recursive: true }),
  };
}

async function mirrorsOfThisMachine(): Promise<ReadonlyMap<string, string>> {
  const format = "$(RELEASE) $(REPO_URI)";
  const { stdout } = await exec("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  return new Map(lines.map(([release = "", uri = ""]) => [release, uri]));
}

function sourcesOf(suites: readonly string[], mirrors: ReadonlyMap<string, string>): string {
  return suites
    .map((suite) => {
      const beside = suite.endsWith("-security") ? BESIDE.security : BESIDE.main;
      return `deb [signed-by=${KEYRING}] ${mirrors.get(suite) ?? mirrors.get(beside) ?? ""} ${suite} main\n`;
    })
    .join("");
}

function configurationOf(root: string, options: AptOracleOptions): string {
  const settings = {
    "Dir::State": `${root}/state`,
    "Dir::State::status": `${root}/status`,
    "Dir::Cache": `${root}/cache`,
    "Dir::Etc::sourcelist": `${root}/sources.list`,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "APT::Architecture": "amd64",
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "root",
    "Acquire::GzipIndexes": "false",
    "Acquire::Languages": "none",
    "Acquire::IndexTargets::deb::Packages::DefaultEnabled": String(options.indexes === "with packages"),
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} "${value}";\n`)
    .join("");
}

function installed(output: string): readonly string[] {
  return output
    .split("\n")
    .flatMap((line) => {
      const [, name, version] = /^Inst (\S+?)(?::\S+)? \((\S+)/.exec(line) ?? [];
      return name === undefined ? [] : [`${name} ${version}`];
    })
    .sort();
}
