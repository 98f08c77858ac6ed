import type { Command } from "../commands/command.ts";

/** Every verb, in the order in which an operator meets them. */
export const COMMANDS: readonly Command[] = [];
