import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { digestOf } from "../../../src/shared/digest.ts";
import { exec } from "../../../src/shared/exec.ts";
import { openStore } from "../../../src/shared/store/store.ts";
import { temporaryFolder } from "../../builder/temporary.ts";

test("a store on a full disk says so and leaves nothing half-written, whatever is to be kept", async () => {
  const disk = await temporaryFolder();
  await exec("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", disk]);
  try {
    const store = await openStore(join(disk, "store"));
    const text = "x".repeat(100_000);
    await store.add([Buffer.from(text)]);
    const full = { code: "DISK_FULL", class: "preflight" };
    await expect(store.add([Buffer.from(`${text}y`)])).rejects.toMatchObject(full);
    await expect(store.remember("kind", digestOf("key"), text)).rejects.toMatchObject(full);
    expect(await readdir(join(store.root, "partial"))).toEqual([]);
    await rm(store.root, { recursive: true });
  } finally {
    await exec("umount", [disk]);
  }
});
