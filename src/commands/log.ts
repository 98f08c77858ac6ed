import type { Command } from "./command.ts";
import { logAnchorCommand } from "./log/anchor.ts";
import { logExportCommand } from "./log/export.ts";
import { logHoldCommand } from "./log/hold.ts";
import { logPurgeCommand } from "./log/purge.ts";
import { logRetainCommand } from "./log/retain.ts";
import { logRotateCommand } from "./log/rotate.ts";
import { logStatusCommand } from "./log/status.ts";
import { logTailCommand } from "./log/tail.ts";
import { logVerifyCommand } from "./log/verify.ts";

/** The verbs of the audit log: the same on the host and in the gateway's container. */
export const LOG_COMMANDS: readonly Command[] = [
  logStatusCommand,
  logTailCommand,
  logVerifyCommand,
  logExportCommand,
  logAnchorCommand,
  logRotateCommand,
  logHoldCommand,
  logPurgeCommand,
  logRetainCommand,
];
