import { expect, describe, test } from "vitest";
import { watchDisk } from "../../../src/gateway/watch/disk.ts";

const RESERVE = 1_000;

/** No test can choose how full its disk is: here a disk is a number. */
function rig() {
  const disk: { free: number | Error } = { free: RESERVE };
  const watch = watchDisk("/log", RESERVE, async (folder) => {
    expect(folder).toBe("/log");
    if (disk.free instanceof Error) throw disk.free;
    return disk.free;
  });
  return { disk, watch };
}

describe("watchDisk", () => {
  test("below its reserve there is no room, which is said once", async () => {
    const { disk, watch } = rig();
    expect([await watch.look(), watch.hasRoom()]).toEqual([undefined, true]);
    disk.free = RESERVE - 1;
    expect(await watch.look()).toEqual({ type: "disk", state: "low", freeBytes: RESERVE - 1 });
    expect([await watch.look(), watch.hasRoom()]).toEqual([undefined, false]);
  });

  test("it is enough again only with twice the reserve", async () => {
    const { disk, watch } = rig();
    disk.free = 0;
    await watch.look();
    disk.free = 2 * RESERVE - 1;
    expect([await watch.look(), watch.hasRoom()]).toEqual([undefined, false]);
    disk.free = 2 * RESERVE;
    expect(await watch.look()).toEqual({ type: "disk", state: "enough", freeBytes: 2 * RESERVE });
    disk.free = RESERVE;
    expect([await watch.look(), watch.hasRoom()]).toEqual([undefined, true]);
  });

  test("one that cannot be asked stays what it was", async () => {
    const { disk, watch } = rig();
    disk.free = 0;
    await watch.look();
    disk.free = new Error("gone");
    await expect(watch.look()).rejects.toThrow("gone");
    expect(watch.hasRoom()).toBe(false);
  });

  test("a real file system says how much is free", async () => {
    const watch = watchDisk(import.meta.dirname, Number.MAX_SAFE_INTEGER);
    expect(await watch.look()).toMatchObject({ state: "low", freeBytes: expect.any(Number) });
  });
});
