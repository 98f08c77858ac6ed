import { resolve } from "node:path";
import { fetchInputs } from "../builder/fetch/fetch.ts";
import { takeFromFolder } from "../builder/fetch/from-folder.ts";
import {
  chooseRecipes,
  readAllRecipes,
  readLock,
  readRecipes,
  type RecipeFolder,
} from "../builder/lock/read.ts";
import { addressOf } from "../builder/lock/registry/address.ts";
import { openHttp } from "../shared/http.ts";
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

export const fetchCommand: Command = {
  name: "fetch",
  side: "workshop",
  summary: "fill the store with all that the locks name",
  usage: "[IMAGE…] [--from DIR]… [--mirror NAME=URL]… [--jobs N] [--store DIR] [--images DIR]",
  options: {
    from: {
      type: "string",
      multiple: true,
      value: "DIR",
      help: "take inputs out of this folder first, whatever the files are called",
    },
    mirror: MIRROR_OPTION,
    jobs: JOBS_OPTION,
    store: STORE_OPTION,
    images: IMAGES_OPTION,
  },
  positionals: { minimum: 0, maximum: 99 },
  details: `Downloads every input of images/*/lock.json, or of the images named, that the store lacks, several at a time, checks size and sha256 while it streams,
and goes on where an earlier run broke off. A second run downloads nothing and contacts nobody.
Source code is proven besides: from the commit's id over its tree to every file.

Exit codes: 3 bytes differ from the lock, or a lock does not match its recipe; 5 a mirror is unknown or the disk is full;
11 an input has vanished from the mirrors (all such are named), or a mirror does not answer.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const folder = imagesFolder(input, context);
  const locks = [];
  for (const { name } of await chosenRecipes(folder, input.positionals))
    locks.push((await readLock(folder, name)).lock);
  const store = await openStore(storeRoot(input, context));
  const mirrors = mirrorsOf(input, context);
  const { env, reporter, signal } = context;
  const http = openHttp({ env, reporter });
  try {
    let taken = 0;
    for (const from of input.list("from"))
      taken += await takeFromFolder(resolve(context.cwd, from), locks, { store });
    const fetched = await fetchInputs(locks, {
      store,
      http,
      addressOf: (file) => addressOf(file, { mirrors, http, signal }),
      reporter,
      env,
      jobs: jobsOf(input),
      signal,
    });
    const { downloaded, alreadyThere, sizeBytes } = fetched;
    return {
      data: { ...fetched, taken, store: store.root },
      text: `${downloaded} downloaded (${sizeBytes} bytes), ${alreadyThere} already there${taken === 0 ? "" : `, ${taken} taken from a folder`}`,
    };
  } finally {
    await http.close();
  }
}

/** A draft is fetched only by its name. */
async function chosenRecipes(folder: string, names: readonly string[]): Promise<readonly RecipeFolder[]> {
  return names.length === 0 ? await readRecipes(folder) : chooseRecipes(await readAllRecipes(folder), names);
}
