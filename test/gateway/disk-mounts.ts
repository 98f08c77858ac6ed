/** Small file systems of a test's own, on a loop device whose disk is a sparse file on a tmpfs: full, broken and read-only for real. */
import { mkdir, mkdtemp, open, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isErrno } from "../../src/shared/errors.ts";
import { exec } from "../../src/shared/exec.ts";

export type SmallDisk = {
  /** Where it is mounted. */
  readonly path: string;
  /** Takes all space that is left on it, or all but so much. */
  fill(leaveBytes?: number): Promise<void>;
  /** Gives it back. */
  empty(): Promise<void>;
  /** From here on whatever is written comes to nothing: the disk below has no room, which the kernel reports as EIO. */
  breakWrites(): Promise<void>;
  /** The disk below works again, and the file system was unmounted, checked and mounted, as an operator would do. */
  repair(): Promise<void>;
  /** What the kernel does to a file system in which it found an error. */
  remountReadOnly(): Promise<void>;
  remove(): Promise<void>;
};

export type DiskOptions = {
  readonly sizeBytes: number;
  /** Without a journal a failed fdatasync is followed by ones that succeed: the error is told once. */
  readonly journal: boolean;
};

/** What the tmpfs below has beyond the metadata of a fresh file system, so that it can be filled at once. */
const BELOW_BYTES = 128 << 20;

export async function makeSmallDisk({ sizeBytes, journal }: DiskOptions): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-disk-"));
  const [below, path] = [join(folder, "below"), join(folder, "disk")];
  await mkdir(below);
  await mkdir(path);
  await exec("mount", ["-t", "tmpfs", "-o", `size=${BELOW_BYTES}`, "tmpfs", below]);
  const image = join(below, "image");
  await writeFile(image, "");
  await truncate(image, sizeBytes);
  const features = journal ? [] : ["-O", "^has_journal"];
  await exec("mkfs.ext4", ["-q", "-F", ...features, image]);
  const mountIt = async (): Promise<unknown> =>
    await exec("mount", ["-o", "loop,errors=remount-ro", image, path]);
  await mountIt();
  return {
    path,
    fill: async (leaveBytes = 0) => await fill(path, leaveBytes),
    empty: async () => await rm(join(path, FILLER), { force: true }),
    breakWrites: async () => await fill(below, 0),
    repair: async () => {
      await rm(join(below, FILLER), { force: true });
      await exec("umount", [path]);
      // 1: errors were corrected.
      await exec("e2fsck", ["-f", "-p", image], { accept: [1] });
      await mountIt();
    },
    remountReadOnly: async () => {
      const { stdout } = await exec("findmnt", ["-no", "SOURCE", path]);
      await writeFile(`/sys/fs/ext4/${basename(stdout.trim())}/trigger_fs_error`, "a test\n");
    },
    remove: async () => {
      await exec("umount", ["-l", path]);
      await exec("umount", ["-l", below]);
      await rm(folder, { recursive: true });
    },
  };
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
