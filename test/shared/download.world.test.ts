/** A disk that is really full: a small tmpfs, which needs root. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { digestOf } from "../../src/shared/digest.ts";
import { download } from "../../src/shared/download.ts";
import { exec } from "../../src/shared/exec.ts";
import { openHttp } from "../../src/shared/http.ts";
import { openStore } from "../../src/shared/store/store.ts";
import { answerWith, startLoopback } from "./loopback.ts";

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "small-disk-"));
  await exec("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", root]);
});

afterAll(async () => {
  await exec("umount", [root]);
  await rm(root, { recursive: true });
});

test("a download onto a full disk is DISK_FULL and leaves nothing, and a smaller one then fits", async () => {
  const store = await openStore(root);
  const http = openHttp({ env: {} });
  const get = async (bytes: Buffer): Promise<void> => {
    const server = await startLoopback(answerWith(bytes));
    const expected = { digest: digestOf(bytes), sizeBytes: bytes.length };
    try {
      await download({ url: server.url, expected }, { store, http });
    } finally {
      await server.close();
    }
  };
  await expect(get(Buffer.alloc(2_000_000, "x"))).rejects.toMatchObject({ code: "DISK_FULL", exitCode: 5 });
  expect(await readdir(join(root, "partial"))).toEqual([]);
  await get(Buffer.alloc(200_000, "y"));
  expect(await store.has(digestOf(Buffer.alloc(200_000, "y")))).toBe(true);
  await http.close();
});
