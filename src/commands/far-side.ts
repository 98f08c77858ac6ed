/** What the verbs of the air-gapped side have in common: where the state is, and which engine. */
import { resolve } from "node:path";
import { stateRoot } from "../appliance/state.ts";
import { engineAddress } from "../shared/engine/address.ts";
import { connectEngine, type Engine } from "../shared/engine/engine.ts";
import type { CommandContext, CommandInput, CommandOption } from "./command.ts";

export const STATE_OPTION = {
  type: "string",
  value: "DIR",
  help: "where releases are kept (CLOISTER_STATE, else /var/lib/cloister)",
} as const satisfies CommandOption;

export const ENGINE_OPTION = {
  type: "string",
  value: "ADDRESS",
  help: "the engine's socket (DOCKER_HOST, else unix:///var/run/docker.sock)",
} as const satisfies CommandOption;

export function stateRootOf(input: CommandInput, context: CommandContext): string {
  return resolve(context.cwd, stateRoot(input.text("state"), context.env));
}

export function engineOf(input: CommandInput, context: CommandContext): Promise<Engine> {
  return connectEngine(engineAddress(input.text("engine"), context.env));
}
