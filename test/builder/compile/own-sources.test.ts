import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readOwnSources } from "../../../src/builder/compile/own-sources.ts";

const RECIPE = { script: "compile.sh", launcher: "launcher" };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-own-"));
  await mkdir(join(folder, "launcher"));
  for (const name of ["launcher/b.c", "launcher/a.h", "compile.sh"])
    await writeFile(join(folder, name), name);
});
afterEach(() => rm(folder, { recursive: true }));

describe("readOwnSources", () => {
  test("takes the script, and the launcher's files by name", async () => {
    const { script, launcher } = await readOwnSources(folder, RECIPE);
    expect(Buffer.from(script).toString()).toBe("compile.sh");
    expect(launcher.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
      ["a.h", "launcher/a.h"],
      ["b.c", "launcher/b.c"],
    ]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["a missing script", () => rm(join(folder, "compile.sh"))],
    ["a missing launcher", () => rm(join(folder, "launcher"), { recursive: true })],
    ["a folder in the launcher", () => mkdir(join(folder, "launcher/objects"))],
    ["a symlink in the launcher", () => symlink("/etc/passwd", join(folder, "launcher/c.c"))],
  ])("refuses %s", async (_, change) => {
    await change();
    await expect(readOwnSources(folder, RECIPE)).rejects.toMatchObject({
      code: "COMPILE_INPUT_INVALID",
      class: "usage",
    });
  });
});
