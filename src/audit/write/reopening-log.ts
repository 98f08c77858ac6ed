/** A log that is opened again when what closed it can pass by itself: a full disk, a file system that was read-only for a while. */
import type { Server } from "node:http";
import { AppError, isErrno, messageOf } from "../../shared/errors.ts";
import type { AuditLog } from "../audit-log.ts";
import { openLog, type OpenLogDeps, type OpenLogOptions } from "./open-log.ts";

export type ReopeningDeps = OpenLogDeps & {
  /** Called with every log that was opened, before anything else is appended to it. */
  onOpened(log: AuditLog, server: Server): Promise<void>;
};

const PASSING = ["ENOSPC", "EDQUOT", "EROFS"];
const RETRY_MS = 2_000;

/**
 * Every other reason (a failed flush, a file that was deleted, replaced or cut) closes it until a person has looked. What was
 * acknowledged before must be there when it is opened again. Throws what openLog throws.
 */
export async function openReopeningLog(options: OpenLogOptions, deps: ReopeningDeps): Promise<AuditLog> {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let ended = false;
  let current = await open(0);
  /** Whether the folder was let go: a verb may have it meanwhile, and it is let go once. */
  let isLeft = false;

  async function open(atLeast: number): Promise<AuditLog> {
    const { log, server } = await openLog({ ...options, atLeast }, { ...deps, onClosed });
    try {
      await deps.onOpened(log, server);
    } catch (error) {
      await log.close();
      throw error;
    }
    return log;
  }

  function onClosed(why: AppError): void {
    deps.onClosed?.(why);
    if (isPassing(why)) retryLater();
  }

  /** An attempt that fails says so twice, by its log and by what it throws: one attempt follows. */
  function retryLater(): void {
    clearTimeout(timer);
    if (ended) return;
    timer = setTimeout(() => {
      running = running.then(retry);
    }, RETRY_MS);
  }

  async function retry(): Promise<void> {
    if (ended || current.state().kind === "open") return;
    const { durableSeq } = current.status();
    try {
      if (!isLeft) await current.close();
      isLeft = true;
      current = await open(durableSeq + 1);
      isLeft = false;
      deps.onNote?.("The audit log can be written again");
    } catch (error) {
      deps.onNote?.(`The audit log stays closed: ${messageOf(error)}`);
      if (isPassing(error)) retryLater();
    }
  }

  return {
    folder: options.folder,
    contentKey: async (owner) => await current.contentKey(owner),
    append: (entry, content) => current.append(entry, content),
    pendingBytes: () => current.pendingBytes(),
    state: () => current.state(),
    status: () => current.status(),
    checkpoint: async () => await current.checkpoint(),
    rotate: async (reason) => await current.rotate(reason),
    exclusively: async (work) => await current.exclusively(work),
    dropKeys: async (day, ids) => await current.dropKeys(day, ids),
    renewSigningKey: async () => await current.renewSigningKey(),
    close: async () => {
      ended = true;
      clearTimeout(timer);
      await running;
      if (!isLeft) await current.close();
    },
  };
}

/** No room, or somebody else at work in the folder. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isIt = PASSING.some((code) => isErrno(error, code)) || isBusy(error);
  return isIt || isPassing(error.cause);
}

function isBusy(error: Error): boolean {
  return error instanceof AppError && error.code === "LOG_BUSY";
}
