import { readStatus } from "../appliance/status.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { ENGINE_OPTION, engineOf, STATE_OPTION, stateRootOf } from "./far-side.ts";

export const statusCommand: Command = {
  name: "status",
  side: "cloister",
  summary: "what is loaded, and what runs",
  usage: "[--state DIR] [--engine ADDRESS]",
  options: { state: STATE_OPTION, engine: ENGINE_OPTION },
  positionals: { minimum: 0, maximum: 0 },
  details: `Reads the state folder and asks the engine; changes nothing. It proves nothing either: that is what \`verify\` is for.

Exit codes: 5 no engine answers; 6 the engine failed.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const status = await readStatus(stateRootOf(input, context), await engineOf(input, context));
  const releases = status.releases.map((id) => `release ${id}${id === status.current ? " (current)" : ""}`);
  const containers = status.containers.map(({ name, state, health }) => `${name}: ${state}, ${health}`);
  return {
    data: status,
    text: [
      ...(releases.length === 0 ? ["no release is loaded"] : releases),
      ...(containers.length === 0 ? ["nothing runs"] : [...containers, `socket: ${status.socket}`]),
      ...(status.gateway === undefined ? [] : [`gateway: ${status.gateway}`]),
      ...(status.log === undefined
        ? []
        : [`audit log: ${status.log.folder}, ${status.log.content}, mode ${status.log.mode}`]),
    ].join("\n"),
  };
}
