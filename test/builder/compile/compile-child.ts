/** A build in a process of its own, for a test that kills it: reads its input from stdin and says when the script has begun. */
import { text } from "node:stream/consumers";
import { materialize } from "../../../src/builder/assemble/materialize.ts";
import type { Tree } from "../../../src/builder/assemble/tree.ts";
import { compileImage, type CompileInput } from "../../../src/builder/compile/compile-image.ts";
import { openStore } from "../../../src/shared/store/store.ts";

const job: { input: CompileInput; root: Tree; store: string } = JSON.parse(await text(process.stdin));
const store = await openStore(job.store);
await compileImage(job.input, {
  store,
  jobs: 1,
  assembleRoot: async () => job.root,
  materialize: (tree, folder) => materialize(tree, folder, { store }),
  reporter: {
    step: (line) => void (line === "Compile: sleeping" && process.stdout.write("begun\n")),
    progress: () => {},
    note: () => {},
  },
});
