import { statfs } from "node:fs/promises";
import type { Entry } from "../../audit/audit-log.ts";

export type DiskWatch = {
  /** Whether new requests may come: there is room for what they could bring. */
  hasRoom(): boolean;
  /** Looks again; an entry where it has changed. Throws what the file system says. */
  look(): Promise<Extract<Entry, { type: "disk" }> | undefined>;
};

/** Once low, twice the reserve must be free before it is enough again. */
const RECOVERED = 2;

export function watchDisk(folder: string, reserveBytes: number, freeIn = freeBytesIn): DiskWatch {
  let low = false;
  return {
    hasRoom: () => !low,
    look: async () => {
      const freeBytes = await freeIn(folder);
      const isLow = freeBytes < reserveBytes * (low ? RECOVERED : 1);
      if (isLow === low) return undefined;
      low = isLow;
      return { type: "disk", state: low ? "low" : "enough", freeBytes };
    },
  };
}

async function freeBytesIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
