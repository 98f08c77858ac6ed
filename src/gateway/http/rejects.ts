import type { AuditLog } from "../../audit/audit-log.ts";
import type { Attribution } from "../../audit/record.ts";
import type { Family } from "../routes/table.ts";
import { sendRefusal, type Asked } from "./asked.ts";
import type { Refusal } from "./refusal.ts";

type Rejected = {
  readonly refusal: Refusal;
  /** Out of the table of routes, or "unknown": nothing that a client made up. */
  readonly route: string;
  readonly who?: Attribution;
  readonly family?: Family;
};

export type Rejects = {
  /** Tells the client once it is written down. */
  reject(asked: Asked, rejected: Rejected): Promise<void>;
  /** Only writes it down. */
  note(id: string, method: string, rejected: Rejected): void;
};

/** Node's parser takes no longer ones. */
const METHOD_LENGTH = 16;

/** A refusal that cannot be written down is still a refusal: the log's state says so to everybody who asks for more. */
export function createRejects(log: AuditLog): Rejects {
  async function write(id: string, method: string, { refusal, route, who }: Rejected): Promise<void> {
    if (log.state().kind === "closed") return;
    const { durable } = log.append({
      type: "reject",
      id,
      method: method.slice(0, METHOD_LENGTH),
      route,
      ...(who === undefined ? {} : { who }),
      status: refusal.status,
      code: refusal.code,
    });
    await durable.catch(() => undefined);
  }

  return {
    note: (id, method, rejected) => void write(id, method, rejected),
    reject: async (asked, rejected) => {
      await write(asked.id, asked.request.method ?? "", rejected);
      sendRefusal(asked, rejected.refusal, rejected.family ?? "openai");
    },
  };
}
