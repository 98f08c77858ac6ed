import { join } from "node:path";
import { bindScripts, readDecisions, scriptsIn } from "../builder/assemble/scripts.ts";
import { unpackDeb } from "../builder/assemble/unpack-deb.ts";
import { proveSource } from "../builder/fetch/source/prove-source.ts";
import { readArchiveKeys } from "../builder/lock/debian/archive-keys.ts";
import { openSuites } from "../builder/lock/debian/suites.ts";
import type { LockDeps } from "../builder/lock/make-lock.ts";
import { resolveWheels } from "../builder/lock/pypi/uv.ts";
import { outdatedLocks, type Outdated } from "../builder/lock/outdated.ts";
import { chooseRecipes, lockPath, readAllRecipes, type RecipeFolder } from "../builder/lock/read.ts";
import { lockStale } from "../builder/lock/stale.ts";
import { readableJson, type Json } from "../shared/canonical-json.ts";
import { writeFileWhole } from "../shared/file.ts";
import { openHttp, type Http } from "../shared/http.ts";
import { openStore } from "../shared/store/store.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import {
  IMAGES_OPTION,
  imagesFolder,
  JOBS_OPTION,
  jobsOf,
  MIRROR_OPTION,
  mirrorsOf,
  STORE_OPTION,
  storeRoot,
} from "./workshop.ts";

export const lockCommand: Command = {
  name: "lock",
  side: "workshop",
  summary: "resolve recipes into locks",
  usage: "[IMAGE…] [--check] [--mirror NAME=URL]… [--jobs N] [--store DIR] [--images DIR]",
  options: {
    check: { type: "boolean", help: "write nothing; fail where a lock is stale" },
    mirror: MIRROR_OPTION,
    jobs: JOBS_OPTION,
    store: STORE_OPTION,
    images: IMAGES_OPTION,
  },
  positionals: { minimum: 0, maximum: 99 },
  details: `Reads images/*/recipe.yaml, or those of the images named, and writes lock.json beside each: every package with its dependencies, source
and tool, with digest, size and a path on a mirror. Archives' releases are checked against the keys in images/keys, and each
maintainer script against images/maintainer-scripts.yaml. While no input changes, a lock stays as it is.

Exit codes: 2 a recipe cannot be resolved, or a maintainer script is undecided; 3 bytes or signatures are wrong, or --check found a
stale lock; 4 a release is signed by no key of ours; 5 a mirror is unknown; 11 a mirror does not answer.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const recipes = await readAllRecipes(imagesFolder(input, context));
  const chosen = chooseRecipes(recipes, input.positionals);
  const http = openHttp({ env: context.env, reporter: context.reporter });
  try {
    const outdated = await outdatedLocks(chosen, recipes, await lockDeps(input, context, http));
    if (input.flag("check")) refuseStale(outdated);
    for (const { image, lock } of outdated)
      await writeFileWhole(lockPath(image), readableJson(lock satisfies Json));
    return outcomeOf(chosen, outdated);
  } finally {
    await http.close();
  }
}

async function lockDeps(input: CommandInput, context: CommandContext, http: Http): Promise<LockDeps> {
  const { env, reporter, signal } = context;
  const folder = imagesFolder(input, context);
  const store = await openStore(storeRoot(input, context));
  const mirrors = mirrorsOf(input, context);
  const keys = await readArchiveKeys(join(folder, "keys"));
  const decisions = await readDecisions(join(folder, "maintainer-scripts.yaml"));
  return {
    store,
    http,
    mirrors,
    reporter,
    signal,
    jobs: jobsOf(input),
    suites: openSuites(keys, { store, http, mirrors, reporter, signal, now: context.now() }),
    scriptsOf: async (deb) => scriptsIn((await unpackDeb(deb, { store })).controlFiles),
    decide: (pkg, scripts) => bindScripts(pkg, scripts, decisions),
    proveSource: (source) => proveSource(source, { store, reporter, env, signal }),
    resolveWheels: (wish) => resolveWheels(wish, { store, mirrors, reporter, env, signal }),
  };
}

function refuseStale(outdated: readonly Outdated[]): void {
  if (outdated.length === 0) return;
  throw lockStale(outdated.map(({ image, differences }) => ({ name: image.name, differences })));
}

function outcomeOf(chosen: readonly RecipeFolder[], outdated: readonly Outdated[]): Outcome {
  const images = chosen.map(({ name }) => ({
    name,
    differences: outdated.find(({ image }) => image.name === name)?.differences ?? [],
  }));
  const lines = images.map(({ name, differences }) =>
    [
      `${name}: ${differences.length === 0 ? "unchanged" : "locked"}`,
      ...differences.map((one) => `  ${one}`),
    ].join("\n"),
  );
  return { data: { images }, text: lines.join("\n") };
}
