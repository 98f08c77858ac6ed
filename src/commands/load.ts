import { resolve } from "node:path";
import { loadAppliance } from "../appliance/load-appliance.ts";
import { openAppliance } from "../appliance/open-appliance.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { ENGINE_OPTION, engineOf, STATE_OPTION, stateRootOf } from "./far-side.ts";

export const loadCommand: Command = {
  name: "load",
  side: "cloister",
  summary: "bring an appliance into the engine, and prove that it arrived",
  usage: "APPLIANCE [--state DIR] [--engine ADDRESS]",
  options: { state: STATE_OPTION, engine: ENGINE_OPTION },
  positionals: { minimum: 1, maximum: 1 },
  details: `Streams the images into the engine while hashing them, compares what the engine then has (ID, layers) with appliance.json,
starts each image once without a network, keeps everything else under the state folder and makes this release the current one.
All of it happens, or nothing that was not there before is left. Loading the same appliance again compares and changes nothing.

Exit codes: 3 the appliance is not intact; 5 this host is not fit, or no engine answers; 6 the engine failed on the way;
7 the engine has something else than what was carried.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const appliance = await openAppliance(resolve(context.cwd, input.positionals[0] ?? ""));
  const engine = await engineOf(input, context);
  const stateRoot = stateRootOf(input, context);
  const loaded = await loadAppliance({ appliance, stateRoot }, { ...context, engine });
  const { release, images, how } = loaded;
  const { version, store } = loaded.engine;
  return {
    data: { release: release.id, how, stateRoot, engine: { version, store }, images },
    text: [
      how === "loaded"
        ? `loaded: release ${release.id}`
        : `release ${release.id} was loaded already, and is what it was`,
      ...images.map(({ reference, id }) => `${reference} is ${id} in the engine (${store}), as promised`),
    ].join("\n"),
  };
}
