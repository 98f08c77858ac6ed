/** SBOM/ keeps what the locks come to. After a change of a lock or of package-lock.json: vitest run --project unit test/builder/evidence/kept.test.ts -u */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { expect, test } from "vitest";
import { bundlePrograms, packagesOf } from "../../../src/builder/build.ts";
import { bundleProgram, CLI_ENTRY } from "../../../src/builder/bundle.ts";
import { lockBoms } from "../../../src/builder/evidence/lock-boms.ts";
import { npmComponents, parseNpmLock, programBom } from "../../../src/builder/evidence/program-bom.ts";
import { readAllRecipes, readLock } from "../../../src/builder/lock/read.ts";
import type { Recipe } from "../../../src/builder/recipe/recipe.ts";
import { readableJson } from "../../../src/shared/canonical-json.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const KEPT = join(REPOSITORY, "SBOM");

async function made(): Promise<ReadonlyMap<string, string>> {
  const images = join(REPOSITORY, "images");
  const recipes = await readAllRecipes(images);
  const locked = await Promise.all(recipes.map(({ name }) => readLock(images, name)));
  const npmLock = parseNpmLock(await readFile(join(REPOSITORY, "package-lock.json"), "utf8"));
  const carried = locked.filter(({ recipe }) => recipe.draft !== true);
  const epoch = Math.max(...carried.map(({ lock }) => lock.epoch));
  const program = programBom(npmLock, (await bundleProgram(REPOSITORY, CLI_ENTRY)).packages, epoch);
  const programs = await bundlePrograms(locked, REPOSITORY);
  const partsOf = (recipe: Recipe) => npmComponents(npmLock, packagesOf(recipe, programs));
  const boms = [...lockBoms(locked, partsOf), { name: "cloister", bom: program }];
  return new Map(boms.map(({ name, bom }) => [`${name}.cdx.json`, readableJson(bom.document)]));
}

test("what SBOM/ keeps is valid by the official schema of CycloneDX 1.6", async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  for (const name of await readdir(KEPT))
    expect(await validator.validate(await readFile(join(KEPT, name), "utf8")), name).toBeNull();
});

test("SBOM/ has just the BOMs that the locks make, byte for byte", async () => {
  const boms = await made();
  for (const [name, text] of boms) await expect(text).toMatchFileSnapshot(join(KEPT, name));
  expect((await readdir(KEPT)).toSorted()).toEqual([...boms.keys()].toSorted());
});
