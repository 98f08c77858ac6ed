/** The real apt, npm and pip, each told its mirror in its own way. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMirrors } from "../../../src/builder/lock/mirrors.ts";
import { exec } from "../../../src/shared/exec.ts";

const MIRROR = "http://203.0.113.7/mirror";
const hasPip = await exec("python3", ["-m", "pip", "--version"]).then(
  () => true,
  () => false,
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mirrors-"));
});
afterAll(() => rm(folder, { recursive: true }));

function mirrorsWith(settings: Readonly<Record<string, string>>) {
  return readMirrors([], { env: { PATH: process.env["PATH"], HOME: folder, ...settings }, cwd: folder });
}

describe("readMirrors beside the programs themselves", () => {
  test("finds apt's mirrors in its sources.list", async () => {
    const sources = join(folder, "sources.list");
    const configuration = join(folder, "apt.conf");
    await writeFile(
      sources,
      `deb ${MIRROR}/other nodistro main\ndeb [arch=amd64] ${MIRROR}/d bookworm main\ndeb ${MIRROR}/s bookworm-security main\n`,
    );
    await writeFile(
      configuration,
      `Dir::Etc::sourcelist "${sources}";\nDir::Etc::sourceparts "/dev/null";\n`,
    );
    const mirrors = mirrorsWith({ APT_CONFIG: configuration });
    expect(await mirrors.urlOf("debian")).toBe(`${MIRROR}/d/`);
    expect(await mirrors.urlOf("debian-security")).toBe(`${MIRROR}/s/`);
  });

  test("finds npm's registry in the user's .npmrc", async () => {
    await writeFile(join(folder, ".npmrc"), `registry=${MIRROR}/npm\n`);
    expect(await mirrorsWith({}).urlOf("npm")).toBe(`${MIRROR}/npm/`);
  });

  test.skipIf(!hasPip)(
    "finds pip's index in a variable and in a file, password included, and else its default",
    async () => {
      const variable = mirrorsWith({ PIP_CONFIG_FILE: "/dev/null", PIP_INDEX_URL: `${MIRROR}/simple` });
      expect(await variable.urlOf("pypi")).toBe(`${MIRROR}/simple/`);
      const file = join(folder, "pip.conf");
      await writeFile(file, "[global]\nindex-url = http://me:hush@203.0.113.7/simple/\n");
      expect(await mirrorsWith({ PIP_CONFIG_FILE: file }).urlOf("pypi")).toBe(
        "http://me:hush@203.0.113.7/simple/",
      );
      expect(await mirrorsWith({ PIP_CONFIG_FILE: "/dev/null" }).urlOf("pypi")).toMatch(
        /^https:\/\/\S+\/simple\/$/,
      );
    },
  );
});
