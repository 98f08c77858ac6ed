import { expect, test } from "vitest";
import { lockBoms } from "../../../src/builder/evidence/lock-boms.ts";
import { CONFIG } from "../small-image.ts";
import { BASE, COMPILED, TOOLS, WHEELS } from "./small-locks.ts";

test("lockBoms describes images with the layers below them, and tools, but no bare base", () => {
  const image = { ...COMPILED, recipe: { ...COMPILED.recipe, config: CONFIG } };
  const boms = lockBoms([BASE, image, TOOLS], () => []);
  expect(boms.map(({ name, kind }) => `${name} ${kind}`)).toEqual(["compiled image", "tools tools"]);
  expect(boms[0]?.bom.components.map(({ name }) => name)).toContain("libstdc++6");
});

test("the BOM of an image names every wheel, who asked for it, and the licence that the recipe knows", () => {
  const image = { ...WHEELS, recipe: { ...WHEELS.recipe, config: CONFIG } };
  const [found] = lockBoms([BASE, image], () => []);
  const [alpha, beta] = ["pkg:pypi/alpha@1.0", "pkg:pypi/beta@2.0"];
  expect(found?.bom.components.filter(({ purl }) => purl?.startsWith("pkg:pypi/"))).toMatchObject([
    {
      purl: alpha,
      name: "alpha",
      version: "1.0",
      scope: "required",
      licenses: [{ expression: "LicenseRef-Alpha" }],
    },
    { purl: beta, name: "beta", version: "2.0", scope: "required" },
  ]);
  expect(found?.bom.needs.get(found.bom.subject["bom-ref"])).toContain(alpha);
  expect(found?.bom.needs.get(found.bom.subject["bom-ref"])).not.toContain(beta);
  expect(found?.bom.needs.get(alpha)).toEqual([beta]);
});
