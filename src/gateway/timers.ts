/** What happens by the clock while the gateway runs. */
import type { AuditLog } from "../audit/audit-log.ts";
import { messageOf } from "../shared/errors.ts";
import { readCounters } from "./watch/counters.ts";
import type { DiskWatch } from "./watch/disk.ts";
import type { Accounts } from "./watch/reconcile.ts";

export type TimerDeps = {
  readonly log: AuditLog;
  readonly disk: DiskWatch;
  readonly accounts: Accounts;
  readonly upstreamSocket: string;
  readonly activity: () => Activity;
  /** Applies the retention policy. */
  readonly retain: () => Promise<void>;
  readonly onNote: (text: string) => void;
};

/** Requests under way, and how many there have ever been. */
export type Activity = { readonly inFlight: number; readonly begun: number };

const DISK_MS = 1_000;
const RECONCILE_MS = 60_000;
const HEARTBEAT_MS = 3_600_000;
const RETAIN_MS = 3_600_000;

/** Returns what stops them all. */
export function startTimers(deps: TimerDeps): () => void {
  const { log, disk, onNote } = deps;

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
    every(RECONCILE_MS, async () => reconcile(deps)),
    // Silence is not a gap: whoever reads the log sees that the writer lived.
    every(HEARTBEAT_MS, async () => log.append({ type: "heartbeat" }).durable),
    every(RETAIN_MS, deps.retain),
  ];
  return () => timers.forEach((timer) => clearInterval(timer));
}

/** Only at a moment at which no request is under way, and none came and went while the counters were read. */
export async function reconcile({
  log,
  accounts,
  upstreamSocket,
  activity,
}: Pick<TimerDeps, "log" | "accounts" | "upstreamSocket" | "activity">): Promise<void> {
  const before = activity();
  if (before.inFlight > 0) return;
  const counters = await readCounters(upstreamSocket);
  if (activity().begun !== before.begun) return;
  const entry = accounts.reconcile(counters);
  if (entry !== undefined) await log.append(entry).durable;
}
