import { expect, test } from "vitest";
import { lockBoms } from "../../../src/builder/evidence/lock-boms.ts";
import { CONFIG } from "../small-image.ts";
import { BASE, COMPILED, TOOLS } from "./small-locks.ts";

test("lockBoms describes images with the layers below them, and tools, but no bare base", () => {
  const image = { ...COMPILED, recipe: { ...COMPILED.recipe, config: CONFIG } };
  const boms = lockBoms([BASE, image, TOOLS], () => []);
  expect(boms.map(({ name, kind }) => `${name} ${kind}`)).toEqual(["compiled image", "tools tools"]);
  expect(boms[0]?.bom.components.map(({ name }) => name)).toContain("libstdc++6");
});
