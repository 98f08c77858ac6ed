/**
 * One assembly in a process of its own. `warm` recalls the .debs that were taken apart and what was compiled, and nothing else:
 * no layer and no list of files. `cold` takes the .debs apart anew as well.
 */
import { assembleRoot } from "../src/builder/assemble/assemble-root.ts";
import { buildImages } from "../src/builder/build-images.ts";
import { forgetfulStore } from "../src/builder/compare/forgetful-store.ts";
import { writeLayer } from "../src/builder/image/layer.ts";
import { readLock, readRecipes } from "../src/builder/lock/read.ts";
import { silentReporter as reporter } from "../src/shared/reporter.ts";
import { openStore } from "../src/shared/store/store.ts";

const [what, start, storeRoot = "", imagesFolder = ""] = process.argv.slice(2);
const recalled = start === "warm" ? ["deb", "compile"] : ["compile"];
const store = forgetfulStore(await openStore(storeRoot), recalled);
const names = (await readRecipes(imagesFolder)).map(({ name }) => name);
const locked = await Promise.all(names.map((name) => readLock(imagesFolder, name)));
// Measured against tools that know no program of ours.
const recipes = locked.filter(({ recipe }) => recipe.programs === undefined);
if (what === "image") {
  const options = { backends: "all", ignoreCompiled: false, programs: new Map() } as const;
  await buildImages(recipes, options, { store, reporter, jobs: 2, signal: new AbortController().signal });
} else {
  const packages = recipes.flatMap(({ lock }) => lock.compile?.packages ?? []);
  const epoch = Math.max(...recipes.map(({ lock }) => lock.epoch));
  const { layer } = await assembleRoot(
    { packages, users: [], setuid: [], caBundle: false, epoch },
    { store },
  );
  await writeLayer(layer, { store });
}
