/** What happens by the clock while the gateway runs. */
import type { AuditLog } from "../audit/audit-log.ts";
import { messageOf } from "../shared/errors.ts";
import type { Upstream } from "./upstream.ts";
import { readCounters } from "./watch/counters.ts";
import type { DiskWatch } from "./watch/disk.ts";

export type TimerDeps = {
  readonly log: AuditLog;
  readonly disk: DiskWatch;
  readonly upstreams: readonly Upstream[];
  /** Applies the retention policy. */
  readonly retain: () => Promise<void>;
  readonly onNote: (text: string) => void;
};

const DISK_MS = 1_000;
const RECONCILE_MS = 60_000;
const HEARTBEAT_MS = 3_600_000;
const RETAIN_MS = 3_600_000;

/** Returns what stops them all. */
export function startTimers({ log, disk, upstreams, retain, onNote }: TimerDeps): () => void {
  function every(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    let busy = false;
    const timer = setInterval(() => {
      if (busy || log.state().kind === "closed") return;
      busy = true;
      work()
        .catch((error: unknown) => onNote(messageOf(error)))
        .finally(() => {
          busy = false;
        });
    }, ms);
    timer.unref();
    return timer;
  }

  const timers = [
    every(DISK_MS, async () => {
      const entry = await disk.look();
      if (entry !== undefined) await log.append(entry).durable;
    }),
    ...upstreams.map((upstream) => every(RECONCILE_MS, async () => reconcile(log, upstream))),
    // Silence is not a gap: whoever reads the log sees that the writer lived.
    every(HEARTBEAT_MS, async () => log.append({ type: "heartbeat" }).durable),
    every(RETAIN_MS, retain),
  ];
  return () => timers.forEach((timer) => clearInterval(timer));
}

/** Only at a moment at which no request for it is under way, and none came and went while its counters were read. */
export async function reconcile(
  log: AuditLog,
  { accounts, socketPath, activity }: Pick<Upstream, "accounts" | "socketPath" | "activity">,
): Promise<void> {
  const before = activity();
  if (before.inFlight > 0) return;
  const counters = await readCounters(socketPath);
  if (activity().begun !== before.begun) return;
  const entry = accounts.reconcile(counters);
  if (entry !== undefined) await log.append(entry).durable;
}
