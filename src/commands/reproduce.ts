import { resolve } from "node:path";
import { openAppliance } from "../appliance/open-appliance.ts";
import { reproduce } from "../builder/reproduce.ts";
import { hashFile } from "../shared/hash-file.ts";
import { openStore } from "../shared/store/store.ts";
import { backendsOf, BACKENDS_OPTION, BUILD_JOBS_OPTION, compilerJobs, REPOSITORY } from "./build-options.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { IMAGES_OPTION, imagesFolder, STORE_OPTION, storeRoot } from "./workshop.ts";

export const reproduceCommand: Command = {
  name: "reproduce",
  side: "workshop",
  summary: "build an appliance again from the locks and compare every byte",
  usage: "APPLIANCE [--reuse-compile] [--backends all|one] [--jobs N] [--store DIR] [--images DIR]",
  options: {
    "reuse-compile": {
      type: "boolean",
      help: "take compiled files from the store instead of compiling again",
    },
    backends: BACKENDS_OPTION,
    jobs: BUILD_JOBS_OPTION,
    store: STORE_OPTION,
    images: IMAGES_OPTION,
  },
  positionals: { minimum: 1, maximum: 1 },
  details: `APPLIANCE is the tar, or the folder it was unpacked to. Everything is made again from the locked inputs, the compiling too;
the models are taken from the appliance, and nothing that an earlier build left in the store is used but the inputs.
The first member that differs is named, and where that is a layer, the first entry in it.

Exit codes: 3 something differs; 11 the store lacks an input; else as for build.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const path = resolve(context.cwd, input.positionals[0] ?? "");
  const store = await openStore(storeRoot(input, context));
  const { reporter, signal } = context;
  const reuseCompiled = input.flag("reuse-compile");
  const carried = await openAppliance(path);
  const tar = carried.kind === "tar" ? (await hashFile(path, signal)).digest : undefined;
  const reproduced = await reproduce(
    {
      repository: REPOSITORY,
      imagesFolder: imagesFolder(input, context),
      backends: backendsOf(input),
      carried,
      tar,
      reuseCompiled,
    },
    { store, reporter, jobs: compilerJobs(input), signal },
  );
  const how = reuseCompiled
    ? "llama.cpp was not compiled again: what the store remembers was taken"
    : "llama.cpp was compiled again";
  return {
    data: {
      path,
      sha256: reproduced.tar,
      members: reproduced.members,
      whole: tar !== undefined,
      reuseCompiled,
    },
    text: `${path}\nreproduced: ${reproduced.members} members equal, the tar is ${reproduced.tar}\n${how}`,
    verdict: "pass",
  };
}
