import { AppError } from "../../shared/errors.ts";
import type { AuditLog } from "../audit-log.ts";
import { listSegments } from "../segments.ts";
import { readHolds, writeHolds, type Hold } from "./holds.ts";
import type { HoldRequest } from "./requests.ts";
import { scanSegment } from "./scan-log.ts";

/** Returns the number of its record. Throws AppError HOLD_EXISTS, HOLD_UNKNOWN (usage). */
export async function changeHold(log: AuditLog, request: HoldRequest): Promise<number> {
  const { name, reason, by, state } = request;
  const holds = await readHolds(log.folder);
  const known = holds.find((hold) => hold.name === name);
  if (request.state === "set" && known !== undefined)
    throw refused("HOLD_EXISTS", `Cannot set the hold "${name}": there is one of that name`);
  const selector = request.state === "set" ? request.selector : known?.selector;
  if (selector === undefined)
    throw refused("HOLD_UNKNOWN", `Cannot release the hold "${name}": none of that name is set`);
  const others = holds.filter((hold) => hold.name !== name);
  const { seq, durable } = log.append({ type: "hold", name, state, selector, reason, by });
  await durable;
  await writeHolds(log.folder, state === "set" ? [...others, { name, selector, reason, by }] : others);
  return seq;
}

/** What the ledger says of holds counts; those whose record retention has deleted stay as they are. */
export async function restoreHolds(log: string): Promise<void> {
  const holds = new Map<string, Hold>((await readHolds(log)).map((hold) => [hold.name, hold]));
  for (const segment of await listSegments(log))
    await scanSegment(log, segment, ({ record }) => {
      if (record.type !== "hold") return;
      const { name, selector, reason, by } = record;
      if (record.state === "set") holds.set(name, { name, selector, reason, by });
      else holds.delete(name);
    });
  await writeHolds(log, [...holds.values()]);
}

function refused(code: string, message: string): AppError {
  return new AppError({ class: "usage", code }, message, {
    hint: "`cloister log hold` lists those that are set",
  });
}
