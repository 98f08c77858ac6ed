import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bundleProgram, CLI_ENTRY } from "../../src/builder/bundle.ts";
import { exec } from "../../src/shared/exec.ts";
import { VERSION } from "../../src/shared/version.ts";
import { temporaryFolder } from "./temporary.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const NEWER_NODE = join(REPOSITORY, "node_modules/node-newer/bin/node");

/** This repository in another folder, with the same npm packages. */
async function elsewhere(): Promise<string> {
  const folder = join(await temporaryFolder(), "an other folder/deep");
  await mkdir(folder, { recursive: true });
  await cp(join(REPOSITORY, "src"), join(folder, "src"), { recursive: true });
  await cp(join(REPOSITORY, "package.json"), join(folder, "package.json"));
  await symlink(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** A repository of which the program is the text given. */
async function repositoryOf(text: string): Promise<string> {
  const folder = await elsewhere();
  await writeFile(join(folder, "src/cli.ts"), text);
  return folder;
}

async function runAlone(code: string, args: readonly string[]) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "cloister.mjs"), code);
  return exec(process.execPath, [join(folder, "cloister.mjs"), ...args], { cwd: folder, env: {} });
}

describe("bundleProgram", () => {
  test("runs from an empty folder with nothing but Node", async () => {
    const { code } = await bundleProgram(REPOSITORY, CLI_ENTRY);
    expect((await runAlone(code, ["--version"])).stdout).toBe(`cloister ${VERSION}\n`);
    expect((await runAlone(code, ["--help"])).stdout).toContain("cloister");
  });

  test("gives the same bytes in another folder, without a word of either", async () => {
    const folder = await elsewhere();
    const [here, there] = [
      await bundleProgram(REPOSITORY, CLI_ENTRY),
      await bundleProgram(folder, CLI_ENTRY),
    ];
    expect(there.code === here.code).toBe(true);
    expect(there.packages).toEqual(here.packages);
    expect(here.code).not.toContain(REPOSITORY);
  });

  test("gives the same bytes under a newer Node, another umask, time zone and language", async () => {
    const script = `const { bundleProgram } = await import(${JSON.stringify(join(REPOSITORY, "src/builder/bundle.ts"))});
      process.umask(0o77);
      process.stdout.write((await bundleProgram(${JSON.stringify(REPOSITORY)}, "src/cli.ts")).code);`;
    const env = {
      TZ: "Pacific/Kiritimati",
      LANG: "tr_TR.UTF-8",
      SOURCE_DATE_EPOCH: "1",
      HOME: "/nonexistent",
    };
    const newer = await exec(NEWER_NODE, ["--input-type=module", "--eval", script], { env, cwd: "/" });
    expect(newer.stdout === (await bundleProgram(REPOSITORY, CLI_ENTRY)).code).toBe(true);
    expect((await exec(NEWER_NODE, ["--version"])).stdout).not.toMatch(/^v24\./);
  });

  test("carries what talks to an engine, without native code", async () => {
    const folder = await repositoryOf(`const { default: Docker } = await import("dockerode");
      try { await new Docker({ socketPath: "/nonexistent.sock" }).ping(); } catch (error) { console.log(error.code); }`);
    const { code, packages } = await bundleProgram(folder, CLI_ENTRY);
    expect((await runAlone(code, [])).stdout).toBe("ENOENT\n");
    expect(packages).toContain("node_modules/dockerode");
    expect(packages).not.toContain("node_modules/ssh2");
  });

  test("says which file it could not bundle", async () => {
    const folder = await repositoryOf(`import "no-such-package-anywhere";`);
    await expect(bundleProgram(folder, CLI_ENTRY)).rejects.toMatchObject({
      code: "BUNDLE_FAILED",
      class: "preflight",
      message: expect.stringContaining("no-such-package-anywhere"),
    });
  });
});
