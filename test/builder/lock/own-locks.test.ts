import { join } from "node:path";
import { expect, test } from "vitest";
import { wantedInputs } from "../../../src/builder/fetch/inputs.ts";
import { readLock, readRecipes } from "../../../src/builder/lock/read.ts";
import { readableJson, type Json } from "../../../src/shared/canonical-json.ts";

const IMAGES = join(import.meta.dirname, "../../../images");

test("every recipe of the repository has a lock that matches it, written as lock writes it", async () => {
  const recipes = await readRecipes(IMAGES);
  expect(recipes.map(({ name }) => name)).toEqual(["base", "node", "gateway", "llama-cpp", "tools"]);
  for (const { name } of recipes) expect((await readLock(IMAGES, name)).lock.name).toBe(name);
});

test("the repository's locks name no host but the one origin that is a git repository", async () => {
  for (const { name } of await readRecipes(IMAGES)) {
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
