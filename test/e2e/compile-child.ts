/** Compiles llama.cpp anew under whatever conditions it is started, for one CPU backend, and prints what came of it. */
import { join } from "node:path";
import { assembleRoot } from "../../src/builder/assemble/assemble-root.ts";
import { materialize } from "../../src/builder/assemble/materialize.ts";
import { compileImage } from "../../src/builder/compile/compile-image.ts";
import { readLock } from "../../src/builder/lock/read.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import { openStore } from "../../src/shared/store/store.ts";

const [storeRoot = "", jobs = "1"] = process.argv.slice(2);
const store = await openStore(storeRoot);
const { folder, recipe, lock } = await readLock(join(import.meta.dirname, "../../images"), "llama-cpp");
if (recipe.compile === undefined || lock.compile === undefined) throw new Error("Nothing to compile");
const { epoch } = lock;
const { tree } = await compileImage(
  { compile: recipe.compile, folder, lock: lock.compile, epoch, backends: "one", ignoreCache: true },
  {
    store,
    reporter,
    jobs: Number(jobs),
    assembleRoot: async (packages) =>
      (await assembleRoot({ packages, users: [], setuid: [], caBundle: false, epoch }, { store })).root,
    materialize: (files, target) => materialize(files, target, { store }),
  },
);
process.stdout.write(JSON.stringify(tree));
