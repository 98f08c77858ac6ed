import type { LoggedConfig } from "../record.ts";
import { scanSegment } from "./scan-log.ts";
import { listSegments } from "../segments.ts";

/** What the newest `config` record says; undefined where retention has left none. */
export async function readLoggedConfig(log: string): Promise<LoggedConfig | undefined> {
  for (const segment of (await listSegments(log)).toReversed()) {
    let config: LoggedConfig | undefined;
    await scanSegment(log, segment, ({ record }) => {
      if (record.type === "config") config = record.config;
    });
    if (config !== undefined) return config;
  }
  return undefined;
}
