import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockDigest, type Lock } from "../../../src/builder/lock/lock.ts";
import { chooseRecipes, readAllRecipes, readLock, readRecipes } from "../../../src/builder/lock/read.ts";
import { parseRecipe, recipeDigest } from "../../../src/builder/recipe/recipe.ts";
import { readableJson, type Json } from "../../../src/shared/canonical-json.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { lockedPackage, lockOf } from "../fetch/sample-lock.ts";

let images: string;

beforeEach(async () => {
  images = await mkdtemp(join(tmpdir(), "images-"));
});
afterEach(() => rm(images, { recursive: true }));

function recipeText(name: string, more = ""): string {
  return `format: 1\nname: ${name}\nkind: image\nsummary: Sample\npackages: [libc6]\nsuites: [bookworm]\n${more}`;
}

async function write(name: string, recipe: string, lock?: Lock | string): Promise<void> {
  await mkdir(join(images, name), { recursive: true });
  await writeFile(join(images, name, "recipe.yaml"), recipe);
  if (lock === undefined) return;
  const text = typeof lock === "string" ? lock : readableJson(lock satisfies Json);
  await writeFile(join(images, name, "lock.json"), text);
}

function lockFor(name: string, recipe: string, more: Partial<Lock> = {}): Lock {
  const digest = recipeDigest(parseRecipe(recipe, name));
  return lockOf([lockedPackage("libc6", Buffer.from("x"))], { name, recipe: digest, ...more });
}

describe("readRecipes", () => {
  test("gives every folder with a recipe, sorted, each after its base", async () => {
    await write("alpha", recipeText("alpha", "base: zeta\n"));
    await write("beta", recipeText("beta"));
    await write("zeta", recipeText("zeta"));
    await mkdir(join(images, "keys"));
    await writeFile(join(images, "README.md"), "");
    expect((await readRecipes(images)).map(({ name }) => name)).toEqual(["zeta", "alpha", "beta"]);
  });

  test("refuses a base that is not there, a circle of bases and a name that is not the folder's", async () => {
    await write("alpha", recipeText("alpha", "base: beta\n"));
    await expect(readRecipes(images)).rejects.toMatchObject({ code: "RECIPE_UNKNOWN", exitCode: 2 });
    await write("beta", recipeText("beta", "base: alpha\n"));
    await expect(readRecipes(images)).rejects.toMatchObject({ code: "RECIPE_INVALID" });
    await write("beta", recipeText("gamma"));
    await expect(readRecipes(images)).rejects.toMatchObject({ code: "RECIPE_INVALID" });
  });

  test("leaves drafts to who asks for all, and refuses to build on one", async () => {
    await write("alpha", recipeText("alpha", "draft: true\n"));
    await write("beta", recipeText("beta"));
    expect((await readRecipes(images)).map(({ name }) => name)).toEqual(["beta"]);
    expect((await readAllRecipes(images)).map(({ name }) => name)).toEqual(["alpha", "beta"]);
    await write("beta", recipeText("beta", "base: alpha\n"));
    await expect(readRecipes(images)).rejects.toMatchObject({ code: "RECIPE_INVALID", exitCode: 2 });
    expect((await readAllRecipes(images)).map(({ name }) => name)).toEqual(["alpha", "beta"]);
  });

  test("refuses an unknown field", async () => {
    await write("alpha", recipeText("alpha", "colour: blue\n"));
    await expect(readRecipes(images)).rejects.toMatchObject({
      code: "RECIPE_INVALID",
      exitCode: 2,
      message: expect.stringContaining('"colour"'),
    });
  });

  const config =
    "config:\n  user: '1:1'\n  entrypoint: []\n  command: []\n  workingDir: /\n  labels: {}\n  stopSignal: SIGTERM\n";
  const switched = recipeText("alpha", `${config}  env: [PATH=/usr/bin]\n  switches: switches.yaml\n`);
  const switches =
    'format: 1\ncomponent: { project: sample, version: "1" }\nvariables:\n  - { name: MODE, value: "off", read: a.py }\nrows:\n' +
    '  - { id: check, from: server, hosts: [a.example], trigger: "It is looked at", needed: [egress], closedBy: [MODE] }\ninert: []\n';

  test("puts what the switches set behind what the recipe sets, and a lock made before does not match", async () => {
    await write("alpha", switched, lockFor("alpha", switched));
    await writeFile(join(images, "alpha/switches.yaml"), switches);
    const [found] = await readRecipes(images);
    expect(found?.recipe.config?.env).toEqual(["PATH=/usr/bin", "MODE=off"]);
    await expect(readLock(images, "alpha")).rejects.toMatchObject({ code: "LOCK_DRIFT" });
  });

  test("refuses switches that are not there, are wrong, or say what the recipe says", async () => {
    await write("alpha", switched);
    await expect(readRecipes(images)).rejects.toMatchObject({ code: "RECIPE_INVALID", exitCode: 2 });
    await writeFile(join(images, "alpha/switches.yaml"), switches.replace("format: 1", "format: 0"));
    await expect(readRecipes(images)).rejects.toMatchObject({ code: "SWITCHES_INVALID", exitCode: 2 });
    await writeFile(
      join(images, "alpha/switches.yaml"),
      switches.replace("MODE, value", "PATH, value").replace("[MODE]", "[PATH]"),
    );
    await expect(readRecipes(images)).rejects.toMatchObject({
      code: "RECIPE_INVALID",
      message: expect.stringContaining("sets PATH as well"),
    });
  });

  test("chooseRecipes takes all for no names and refuses a name that no recipe has", async () => {
    await write("alpha", recipeText("alpha"));
    const recipes = await readRecipes(images);
    expect(chooseRecipes(recipes, [])).toEqual(recipes);
    expect(chooseRecipes(recipes, ["alpha"])).toEqual(recipes);
    expect(() => chooseRecipes(recipes, ["beta"])).toThrow(
      expect.objectContaining({ code: "RECIPE_UNKNOWN" }),
    );
  });
});

describe("readLock", () => {
  test("gives recipe and lock where they match", async () => {
    const recipe = recipeText("alpha");
    await write("alpha", `# a comment changes nothing\n${recipe}`, lockFor("alpha", recipe));
    const found = await readLock(images, "alpha");
    expect(found.lock.packages[0]?.name).toBe("libc6");
    expect(found.recipe.name).toBe("alpha");
  });

  test("says LOCK_DRIFT where the recipe has changed since", async () => {
    await write("alpha", recipeText("alpha", "caBundle: true\n"), lockFor("alpha", recipeText("alpha")));
    await expect(readLock(images, "alpha")).rejects.toMatchObject({
      code: "LOCK_DRIFT",
      exitCode: 3,
      hint: "Run cloister lock alpha",
    });
  });

  test("says LOCK_DRIFT where the base was locked again since, or was never recorded", async () => {
    const base = lockFor("base", recipeText("base"));
    const recipe = recipeText("alpha", "base: base\n");
    await write("base", recipeText("base"), base);
    await write("alpha", recipe, lockFor("alpha", recipe, { base: lockDigest(base) }));
    expect((await readLock(images, "alpha")).lock.base).toBe(lockDigest(base));

    await write("base", recipeText("base"), { ...base, epoch: base.epoch + 1 });
    await expect(readLock(images, "alpha")).rejects.toMatchObject({ code: "LOCK_DRIFT" });
    await write("alpha", recipe, lockFor("alpha", recipe));
    await expect(readLock(images, "alpha")).rejects.toMatchObject({ code: "LOCK_DRIFT" });
  });

  test("says LOCK_MISSING where there is none", async () => {
    await write("alpha", recipeText("alpha"));
    await expect(readLock(images, "alpha")).rejects.toMatchObject({ code: "LOCK_MISSING", exitCode: 2 });
  });

  const valid = lockFor("alpha", recipeText("alpha"));
  const [first] = valid.packages;
  test.each([
    ["no JSON", "{"],
    ["an unknown field", JSON.stringify({ ...valid, extra: 1 })],
    ["another format", JSON.stringify({ ...valid, format: 2 })],
    ["a digest too short", JSON.stringify({ ...valid, packages: [{ ...first, sha256: "sha256:00" }] })],
    [
      "a path out of the mirror",
      JSON.stringify({ ...valid, packages: [{ ...first, path: "../etc/passwd" }] }),
    ],
    ["an address for a path", JSON.stringify({ ...valid, packages: [{ ...first, path: "http://host/x" }] })],
    ["an absolute path", JSON.stringify({ ...valid, packages: [{ ...first, path: "/etc/passwd" }] })],
    ["a negative size", JSON.stringify({ ...valid, packages: [{ ...first, sizeBytes: -1 }] })],
    ["a mirror that there is not", JSON.stringify({ ...valid, packages: [{ ...first, mirror: "example" }] })],
    [
      "a script without a decision",
      JSON.stringify({
        ...valid,
        packages: [{ ...first, scripts: [{ name: "postinst", sha256: digestOf("") }] }],
      }),
    ],
  ])("says LOCK_INVALID for a lock with %s", async (_, text) => {
    await write("alpha", recipeText("alpha"), text);
    await expect(readLock(images, "alpha")).rejects.toMatchObject({ code: "LOCK_INVALID", exitCode: 3 });
  });
});
