import { remove } from "../appliance/remove.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { ENGINE_OPTION, engineOf, STATE_OPTION, stateRootOf } from "./far-side.ts";

export const removeCommand: Command = {
  name: "remove",
  side: "cloister",
  summary: "take everything off this host, and show that nothing is left",
  usage: "[--audit-log] [--state DIR] [--engine ADDRESS]",
  options: {
    "audit-log": {
      type: "boolean",
      help: "the audit log as well, with its keys and the clients': nobody can bring it back",
    },
    state: STATE_OPTION,
    engine: ENGINE_OPTION,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Stops the stack, removes its containers, networks and volumes, every image named localhost/cloister/…, and the state folder with
all releases and models; then looks for each of them once more. The audit log stays unless --audit-log is given.

Exit codes: 5 no engine answers; 6 the engine failed; 10 something is still there.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const engine = await engineOf(input, context);
  const auditLog = input.flag("audit-log") ? "remove" : "keep";
  const request = { stateRoot: stateRootOf(input, context), auditLog, signal: context.signal } as const;
  const removed = await remove(request, engine);
  return {
    data: removed,
    text: [
      line("containers", removed.containers),
      line("networks", removed.networks),
      line("volumes", removed.volumes),
      line("images", removed.images),
      line("releases", removed.releases),
      removed.kept.length === 0
        ? `state: ${removed.stateRoot} is gone`
        : `kept: ${removed.kept.join(", ")}; \`cloister remove --audit-log\` removes it`,
    ].join("\n"),
  };
}

function line(what: string, names: readonly string[]): string {
  return `${what}: ${names.length === 0 ? "there was none" : names.join(", ")}; none is left`;
}
