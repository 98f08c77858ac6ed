import { down } from "../appliance/down.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { ENGINE_OPTION, engineOf, STATE_OPTION, stateRootOf } from "./far-side.ts";

export const downCommand: Command = {
  name: "down",
  side: "cloister",
  summary: "stop what runs",
  usage: "[--state DIR] [--engine ADDRESS]",
  options: { state: STATE_OPTION, engine: ENGINE_OPTION },
  positionals: { minimum: 0, maximum: 0 },
  details: `Stops and removes the stack's containers, networks and volumes, asks the engine again, and shows that none is left.
Releases, images and models stay.

Exit codes: 5 no engine answers; 6 the engine failed; 10 something is still there.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const engine = await engineOf(input, context);
  const taken = await down({ stateRoot: stateRootOf(input, context), signal: context.signal }, engine);
  const names = Object.values(taken).flat();
  return {
    data: taken,
    text:
      names.length === 0
        ? "down: nothing ran"
        : `down: removed ${names.join(", ")}; the engine has none of the stack left`,
  };
}
