import type { LoggedConfig, RecordType } from "../record.ts";
import { listSegments } from "../segments.ts";
import { scanSegment } from "./scan-log.ts";

/** What a writer puts down before it takes the first request. */
const AT_START: readonly RecordType[] = ["open", "recover", "abandon", "config"];

/** What the newest `config` record says; undefined where retention has left none. */
export async function readLoggedConfig(log: string): Promise<LoggedConfig | undefined> {
  for (const segment of (await listSegments(log)).toReversed()) {
    let config: LoggedConfig | undefined;
    await scanSegment(log, segment, ({ record }) => {
      if (record.type === "config") config = record.config;
      return AT_START.includes(record.type) ? undefined : "stop";
    });
    if (config !== undefined) return config;
  }
  return undefined;
}
