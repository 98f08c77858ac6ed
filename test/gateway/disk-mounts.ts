/**
 * Small file systems of a test's own, on a compressed RAM disk (zram) that can be told to refuse every further write: full, broken and
 * read-only for real. A loop device on a full file system will not do: it reports a write that came half through as done.
 */
import { access, mkdtemp, open, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../src/shared/errors.ts";
import { exec } from "../../src/shared/exec.ts";

export type SmallDisk = {
  /** Where it is mounted. */
  readonly path: string;
  /** Takes all space that is left on it, or all but so much. */
  fill(leaveBytes?: number): Promise<void>;
  /** Gives it back. */
  empty(): Promise<void>;
  /** From here on every write of the device fails, which the kernel reports as EIO. */
  breakWrites(): Promise<void>;
  /** What the kernel does to a file system in which it found an error. */
  remountReadOnly(): Promise<void>;
  /** The device works again, and the file system was unmounted, checked and mounted, as an operator would do. */
  repair(): Promise<void>;
  remove(): Promise<void>;
};

export type DiskOptions = {
  readonly sizeBytes: number;
  /** Without a journal a failed fdatasync is followed by ones that succeed: the error is told once. */
  readonly journal: boolean;
};

const CONTROL = "/sys/class/zram-control";

export async function makeSmallDisk({ sizeBytes, journal }: DiskOptions): Promise<SmallDisk> {
  await access(CONTROL).catch(async () => await exec("modprobe", ["zram"]));
  const path = await mkdtemp(join(tmpdir(), "cloister-disk-"));
  const number = (await readFile(join(CONTROL, "hot_add"), "utf8")).trim();
  const [device, settings] = [`/dev/zram${number}`, `/sys/block/zram${number}`];
  await writeFile(join(settings, "disksize"), String(sizeBytes));
  await exec("mkfs.ext4", ["-q", "-b", "4096", ...(journal ? [] : ["-O", "^has_journal"]), device]);
  const mountIt = async (): Promise<unknown> =>
    await exec("mount", ["-o", "errors=remount-ro", device, path]);
  await mountIt();
  return {
    path,
    fill: async (leaveBytes = 0) => await fill(path, leaveBytes),
    empty: async () => await rm(join(path, FILLER), { force: true }),
    breakWrites: async () => await writeFile(join(settings, "mem_limit"), "4K"),
    remountReadOnly: async () => await writeFile(`/sys/fs/ext4/zram${number}/trigger_fs_error`, "a test\n"),
    repair: async () => {
      await writeFile(join(settings, "mem_limit"), "0");
      await untilDone(async () => await exec("umount", [path]));
      // 1: errors were corrected.
      await exec("e2fsck", ["-f", "-p", device], { accept: [1] });
      await mountIt();
    },
    remove: async () => {
      await untilDone(async () => await exec("umount", [path]));
      await untilDone(async () => await writeFile(join(CONTROL, "hot_remove"), number));
      await rm(path, { recursive: true });
    },
  };
}

/** A process that was killed lets its files go a moment after it has ended. */
async function untilDone(attempt: () => Promise<unknown>): Promise<void> {
  for (let left = 50; ; left -= 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (left === 0) throw error;
    }
    await sleep(100);
  }
}

const FILLER = "filler";

async function fill(folder: string, leaveBytes: number): Promise<void> {
  const file = await open(join(folder, FILLER), "a");
  try {
    for (const blockBytes of [1 << 20, 1 << 12]) {
      while ((await freeBytes(folder)) - leaveBytes >= blockBytes) {
        await file.write(Buffer.alloc(blockBytes, 1));
        await file.sync();
      }
    }
    if (leaveBytes === 0) for (;;) await file.write(Buffer.alloc(512, 1));
  } catch (error) {
    if (!isErrno(error, "ENOSPC")) throw error;
  } finally {
    await file.close();
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
