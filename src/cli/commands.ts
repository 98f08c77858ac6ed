import { buildCommand } from "../commands/build.ts";
import { checkCommand } from "../commands/check.ts";
import type { Command } from "../commands/command.ts";
import { demoCommand } from "../commands/demo.ts";
import { downCommand } from "../commands/down.ts";
import { fetchCommand } from "../commands/fetch.ts";
import { loadCommand } from "../commands/load.ts";
import { lockCommand } from "../commands/lock.ts";
import { LOG_COMMANDS } from "../commands/log.ts";
import { removeCommand } from "../commands/remove.ts";
import { reproduceCommand } from "../commands/reproduce.ts";
import { statusCommand } from "../commands/status.ts";
import { upCommand } from "../commands/up.ts";
import { verifyInsideCommand } from "../commands/verify-inside.ts";
import { verifyCommand } from "../commands/verify.ts";
import { worldOutsideCommand } from "../commands/world-outside.ts";

/** Every verb, in the order in which an operator meets them. */
export const COMMANDS: readonly Command[] = [
  lockCommand,
  fetchCommand,
  buildCommand,
  reproduceCommand,
  checkCommand,
  loadCommand,
  upCommand,
  statusCommand,
  verifyCommand,
  ...LOG_COMMANDS,
  downCommand,
  removeCommand,
  demoCommand,
  verifyInsideCommand,
  worldOutsideCommand,
];
