import { up } from "../appliance/up.ts";
import { AppError } from "../shared/errors.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { ENGINE_OPTION, engineOf, STATE_OPTION, stateRootOf } from "./far-side.ts";

const DEFAULT_TIMEOUT_S = 600;

export const upCommand: Command = {
  name: "up",
  side: "cloister",
  summary: "start the current release",
  usage: "[--model NAME|SHA256] [--timeout SECONDS] [--state DIR] [--engine ADDRESS]",
  options: {
    model: {
      type: "string",
      value: "MODEL",
      help: "which of the appliance's models: a name, or how its sha256 begins",
    },
    timeout: {
      type: "string",
      value: "SECONDS",
      help: `how long the model may take to load (${DEFAULT_TIMEOUT_S})`,
    },
    state: STATE_OPTION,
    engine: ENGINE_OPTION,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Hashes the model again, starts the stack of compose/cloister.yaml with the release's own Compose, waits until the model answers,
and compares what the engine really made (user, capabilities, networks, limits) with what was demanded.
Where any of that fails, what was started is taken down again.

Exit codes: 3 model or release differ from what was loaded; 5 nothing is loaded, or the model is not clear; 6 the model does not
answer; 7 the engine's images differ; 8 a demand is not met; 10 what was started could not be stopped.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const engine = await engineOf(input, context);
  const stateRoot = stateRootOf(input, context);
  const request = { stateRoot, model: input.text("model"), timeoutMs: timeoutMs(input) };
  const running = await up(request, { ...context, engine });
  return {
    data: running,
    text: [
      `up: release ${running.releaseId}, model ${running.model.alias} (${running.model.sha256})`,
      `curl --unix-socket ${running.socket} http://localhost/v1/models`,
    ].join("\n"),
  };
}

function timeoutMs(input: CommandInput): number {
  const text = input.text("timeout") ?? String(DEFAULT_TIMEOUT_S);
  if (/^\d{1,5}$/.test(text) && Number(text) > 0) return Number(text) * 1000;
  throw new AppError(
    { class: "usage", code: "OPTION_INVALID" },
    `Cannot use --timeout "${text}": expected seconds from 1 to 99999`,
  );
}
