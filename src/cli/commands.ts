import type { Command } from "../commands/command.ts";
import { checkCommand } from "../commands/check.ts";
import { downCommand } from "../commands/down.ts";
import { fetchCommand } from "../commands/fetch.ts";
import { loadCommand } from "../commands/load.ts";
import { lockCommand } from "../commands/lock.ts";
import { removeCommand } from "../commands/remove.ts";
import { statusCommand } from "../commands/status.ts";
import { upCommand } from "../commands/up.ts";
import { worldOutsideCommand } from "../commands/world-outside.ts";

/** Every verb, in the order in which an operator meets them. */
export const COMMANDS: readonly Command[] = [
  lockCommand,
  fetchCommand,
  checkCommand,
  loadCommand,
  upCommand,
  statusCommand,
  downCommand,
  removeCommand,
  worldOutsideCommand,
];
