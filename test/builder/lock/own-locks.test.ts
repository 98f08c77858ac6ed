import { join } from "node:path";
import { expect, test } from "vitest";
import { wantedInputs } from "../../../src/builder/fetch/inputs.ts";
import { readAllRecipes, readLock, readRecipes } from "../../../src/builder/lock/read.ts";
import { readableJson, type Json } from "../../../src/shared/canonical-json.ts";

const IMAGES = join(import.meta.dirname, "../../../images");

test("every recipe of the repository has a lock that matches it, written as lock writes it", async () => {
  const recipes = await readAllRecipes(IMAGES);
  const names = ["base", "node", "gateway", "llama-cpp", "open-webui", "tools"];
  expect(recipes.map(({ name }) => name)).toEqual(names);
  expect((await readRecipes(IMAGES)).map(({ name }) => name)).toEqual(
    names.filter((name) => name !== "open-webui"),
  );
  for (const { name } of recipes) expect((await readLock(IMAGES, name)).lock.name).toBe(name);
});

test("the repository's locks name no host but the one origin that is a git repository", async () => {
  for (const { name } of await readAllRecipes(IMAGES)) {
    const text = readableJson((await readLock(IMAGES, name)).lock satisfies Json);
    expect(text.match(/\w+:\/\/[^/"]+/g) ?? []).toEqual(name === "llama-cpp" ? ["https://github.com"] : []);
  }
});

test("the llama-cpp lock names what its measured build needed: 107 packages and the proven source", async () => {
  const { lock } = await readLock(IMAGES, "llama-cpp");
  const { files, sources } = wantedInputs([lock]);
  expect(files).toHaveLength(107);
  expect(sources.map(({ source }) => source.tree)).toEqual(["b2da53584951ec8aa40680229509a6646a637560"]);
});

test("the open-webui lock names wheels of the index alone, and neither torch nor anything that the recipe leaves out", async () => {
  const { lock, recipe } = await readLock(IMAGES, "open-webui");
  const wheels = lock.wheels?.files ?? [];
  expect(lock.wheels?.python).toMatch(/^3\.11\.\d+$/);
  expect(wheels).toHaveLength(169);
  expect(wantedInputs([lock]).files).toHaveLength(wheels.length + lock.packages.length);
  expect(wheels.filter(({ because }) => because === undefined).map(({ project }) => project)).toEqual([
    "open-webui",
  ]);
  const projects = new Set(wheels.map(({ project }) => project));
  const omitted = recipe.wheels?.omit?.map((one) => one.package) ?? [];
  expect(omitted).toContain("onnxruntime");
  expect(["torch", "triton", ...omitted].filter((name) => projects.has(name))).toEqual([]);
  for (const { because, project } of wheels)
    if (because !== undefined) expect(projects, project).toContain(because);
});
