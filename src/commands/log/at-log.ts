/** Which log a verb means, and who changes it: its writer where one answers, else the verb itself. */
import { access, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { auditLogFolder, stateRoot } from "../../appliance/state.ts";
import { askWriter } from "../../audit/control/client.ts";
import { createLogService, type LogService } from "../../audit/control/log-service.ts";
import { readLoggedConfig } from "../../audit/maintain/logged-config.ts";
import { createMaintenance } from "../../audit/maintain/maintenance.ts";
import { readLogIdentity } from "../../audit/write/log-file.ts";
import { openLog } from "../../audit/write/open-log.ts";
import { AppError } from "../../shared/errors.ts";
import type { CommandContext, CommandInput, CommandOption } from "../command.ts";

export const LOG_OPTIONS = {
  log: {
    type: "string",
    value: "DIR",
    help: "the log's folder (CLOISTER_LOG, else audit/log in the state folder)",
  },
  state: {
    type: "string",
    value: "DIR",
    help: "the state folder (CLOISTER_STATE, else /var/lib/cloister)",
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

export const BY_OPTION = {
  type: "string",
  value: "NAME",
  help: "who does this, for the record (SUDO_USER, else USER)",
} as const satisfies CommandOption;

const MAX_SEGMENT_BYTES = 256 << 20;

/** Throws AppError LOG_UNKNOWN (integrity) where there is no log. */
export async function logFolderOf(input: CommandInput, { env, cwd }: CommandContext): Promise<string> {
  const named = input.text("log") ?? env["CLOISTER_LOG"];
  const folder = resolve(cwd, named ?? auditLogFolder(stateRoot(input.text("state"), env)));
  if ((await readLogIdentity(folder)) !== undefined) return folder;
  throw new AppError(
    { class: "integrity", code: "LOG_UNKNOWN" },
    `Cannot find the audit log: there is none in "${folder}"`,
    {
      fields: { path: folder },
      hint: "--log DIR names another folder; the gateway begins a log when it starts",
    },
  );
}

/** The keys lie beside the log, in a folder of their own. */
export function keysFolderOf(log: string): string {
  return join(dirname(log), "keys");
}

export function operatorOf(input: CommandInput, { env }: CommandContext): string {
  return input.text("by") ?? env["SUDO_USER"] ?? env["USER"] ?? `uid ${process.getuid?.() ?? "unknown"}`;
}

/** Throws what `use` throws, and what opening the log throws. */
export async function withLog<T>(
  folder: string,
  context: CommandContext,
  use: (service: LogService) => Promise<T>,
): Promise<T> {
  const writer = await askWriter(folder);
  if (writer !== undefined) return await use(writer);
  return await asOwner(folder, async () => await openAndUse(folder, context, use));
}

async function openAndUse<T>(
  folder: string,
  context: CommandContext,
  use: (service: LogService) => Promise<T>,
): Promise<T> {
  const config = await readLoggedConfig(folder);
  const { log } = await openLog(
    {
      folder,
      // No text is written here, so that no key is ever asked for.
      content: "plain",
      recipients: [],
      zone: config?.zone ?? "UTC",
      maxSegmentBytes: MAX_SEGMENT_BYTES,
      signingKey: join(keysFolderOf(folder), "log.key"),
    },
    { now: () => context.now().getTime(), onNote: (text) => context.reporter.note(text) },
  );
  try {
    const maintenance = createMaintenance(log, {
      ...(config === undefined ? {} : { policy: config.retention }),
      now: () => context.now().getTime(),
      isIdle: true,
    });
    await maintenance.resume();
    return await use(createLogService(log, maintenance));
  } finally {
    await log.close();
  }
}

/** Root writes as the folder's owner, whose files the gateway will have to open again. Throws AppError LOG_UNREACHABLE (preflight). */
export async function asOwner<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const { uid, gid } = await stat(folder);
  if (process.geteuid?.() !== 0 || uid === 0) return await work();
  const group = process.getegid?.() ?? 0;
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    await access(join(folder, "ledger")).catch((cause: unknown) => {
      throw unreachable(folder, uid, cause);
    });
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(group);
  }
}

function unreachable(folder: string, uid: number, cause: unknown): AppError {
  return new AppError(
    { class: "preflight", code: "LOG_UNREACHABLE" },
    `Cannot write to the log in "${folder}": its owner, user ${uid}, cannot reach it`,
    { cause, fields: { path: folder }, hint: "Every folder above it must let that user pass" },
  );
}
