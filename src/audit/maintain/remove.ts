/** Carries out what purge and retain records say: the same work whether it has just been planned or was left by a crash. */
import { rm } from "node:fs/promises";
import { syncPath } from "../../shared/file.ts";
import { compressedPath, ledgerFolder, segmentPath, type SegmentName } from "../layout.ts";
import { listSegments } from "../segments.ts";
import { orderOf, type Order } from "./orders.ts";
import { covers } from "./ranges.ts";
import { rewriteSegment } from "./rewrite-segment.ts";
import { scanSegment } from "./scan-log.ts";

/** Puts a tombstone wherever one of the orders says so, in these segments or in all, and deletes what retention orders. */
export async function carryOut(
  log: string,
  orders: readonly Order[],
  segments?: ReadonlySet<SegmentName>,
): Promise<void> {
  const gone = new Set(orders.flatMap(({ segments }) => segments));
  const removedBy = (seq: number): number | undefined =>
    orders.find((order) => covers(order.ranges, seq))?.seq;
  for (const segment of await listSegments(log))
    if (!gone.has(segment.name) && (segments === undefined || segments.has(segment.name)))
      await rewriteSegment(log, segment, removedBy);
  // One after the other: what a crash leaves is always the log's end.
  for (const name of gone) {
    await rm(compressedPath(log, name), { force: true });
    await rm(segmentPath(log, name), { force: true });
    await syncPath(ledgerFolder(log));
  }
}

/** Orders without the record that says they were carried out, oldest first. */
export async function unfinishedOrders(log: string): Promise<readonly Order[]> {
  const orders = new Map<number, Order>();
  for (const segment of await listSegments(log))
    await scanSegment(log, segment, ({ record }) => {
      if (record.type === "purge" || record.type === "retain") orders.set(record.seq, orderOf(record));
      if (record.type === "purged") orders.delete(record.purge);
      if (record.type === "retained") orders.delete(record.retain);
    });
  return [...orders.values()];
}
