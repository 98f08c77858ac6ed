import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  openLog,
  type OpenedLog,
  type OpenLogDeps,
  type OpenLogOptions,
} from "../../../src/audit/write/open-log.ts";

/** A folder with room for a log and its keys. */
export async function scratchFolder(): Promise<{ readonly log: string; readonly keys: string }> {
  const folder = await mkdtemp(join(tmpdir(), "log-"));
  return { log: join(folder, "log"), keys: join(folder, "log.key") };
}

export async function openScratchLog(
  at: { readonly log: string; readonly keys: string },
  options: Partial<OpenLogOptions> = {},
  deps: OpenLogDeps = {},
): Promise<OpenedLog> {
  return await openLog(
    {
      folder: at.log,
      content: "plain",
      recipients: [],
      zone: "UTC",
      maxSegmentBytes: 1 << 28,
      signingKey: at.keys,
      ...options,
    },
    deps,
  );
}
