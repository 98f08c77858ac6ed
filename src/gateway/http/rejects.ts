import type { AuditLog } from "../../audit/audit-log.ts";
import type { Attribution } from "../../audit/record.ts";
import type { Family } from "../routes/table.ts";
import { sendRefusal, type Asked } from "./asked.ts";
import type { Refusal } from "./refusal.ts";

export type Rejected = {
  readonly refusal: Refusal;
  /** Out of the table of routes, or "unknown": nothing that a client made up. */
  readonly route: string;
  readonly who?: Attribution;
  readonly family?: Family;
};

export type Rejects = {
  /** Writes it down and tells the client. */
  reject(asked: Asked, rejected: Rejected): void;
  /** Only writes it down. */
  note(id: string, method: string, rejected: Rejected): void;
};

/** Node's parser takes no longer ones. */
const METHOD_LENGTH = 16;

/** A refusal that cannot be written down is still a refusal. */
export function createRejects(log: AuditLog): Rejects {
  function note(id: string, method: string, { refusal, route, who }: Rejected): void {
    if (log.state().kind === "closed") return;
    log
      .append({
        type: "reject",
        id,
        method: method.slice(0, METHOD_LENGTH),
        route,
        ...(who === undefined ? {} : { who }),
        status: refusal.status,
        code: refusal.code,
      })
      // The log's state says so to everybody who asks for more.
      .durable.catch(() => undefined);
  }

  return {
    note,
    reject: (asked, rejected) => {
      note(asked.id, asked.request.method ?? "", rejected);
      sendRefusal(asked, rejected.refusal, rejected.family ?? "openai");
    },
  };
}
