/** What a verb may ask of whoever writes a log: the same whether it asks the gateway or has opened the log itself. */
import type { AuditLog, LogStatus } from "../audit-log.ts";
import type { SegmentName } from "../layout.ts";
import type { Maintenance } from "../maintain/maintenance.ts";

export type WriterStatus = LogStatus & {
  /** Why nothing is written any more; absent while the log is open. */
  readonly closed?: string;
};

export type Access = { readonly verb: string; readonly by: string; readonly detail: string };

export type LogService = Pick<Maintenance, "purge" | "retain" | "hold"> & {
  status(): Promise<WriterStatus>;
  /** Seals the open segment and returns its name. */
  rotate(): Promise<SegmentName>;
  /** Returns the verifier key that signs from here on. */
  renewSigningKey(): Promise<string>;
  /** Everything so far is durable and under a signed checkpoint when it resolves. */
  checkpoint(): Promise<void>;
  /** Records, durably, that somebody reads content on this machine; returns the record's number. */
  access(access: Access): Promise<number>;
};

export function createLogService(log: AuditLog, maintenance: Maintenance): LogService {
  return {
    purge: async (request) => await maintenance.purge(request),
    retain: async (request) => await maintenance.retain(request),
    hold: async (request) => await maintenance.hold(request),
    status: () => {
      const state = log.state();
      return Promise.resolve({
        ...log.status(),
        ...(state.kind === "closed" ? { closed: state.why.message } : {}),
      });
    },
    rotate: async () => await log.rotate("verb"),
    renewSigningKey: async () => await log.renewSigningKey(),
    checkpoint: async () => await log.checkpoint(),
    access: async (access) => {
      const { seq, durable } = log.append({ type: "access", ...access });
      await durable;
      return seq;
    },
  };
}
