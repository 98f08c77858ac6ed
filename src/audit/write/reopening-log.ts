/** A log that is opened again when what closed it can pass by itself: a full disk, a file system that was read-only for a while. */
import type { Server } from "node:http";
import { isErrno, messageOf, type AppError } from "../../shared/errors.ts";
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
  let ended = false;
  let current = await open(0);

  async function open(atLeast: number): Promise<AuditLog> {
    const { log, server } = await openLog({ ...options, atLeast }, { ...deps, onClosed });
    await deps.onOpened(log, server);
    return log;
  }

  function onClosed(why: AppError): void {
    deps.onClosed?.(why);
    if (PASSING.some((code) => isErrno(why.cause, code))) retryLater();
  }

  function retryLater(): void {
    if (!ended) timer = setTimeout(() => void retry(), RETRY_MS);
  }

  async function retry(): Promise<void> {
    const closed = current;
    try {
      await closed.close();
      current = await open(closed.status().durableSeq + 1);
      deps.onNote?.("The audit log can be written again");
    } catch (error) {
      deps.onNote?.(`The audit log stays closed: ${messageOf(error)}`);
      retryLater();
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
      await current.close();
    },
  };
}
