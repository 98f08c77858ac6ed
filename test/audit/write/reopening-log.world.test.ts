/** A log on a file system of its own that is full to the last byte, until there is room again. */
import { readdirSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AuditLog } from "../../../src/audit/audit-log.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { openLog } from "../../../src/audit/write/open-log.ts";
import { openReopeningLog, type ReopeningDeps } from "../../../src/audit/write/reopening-log.ts";
import { isErrno, type AppError } from "../../../src/shared/errors.ts";
import { exec } from "../../../src/shared/exec.ts";
import { answer, request, text } from "./entries.ts";
import { readPayloadLines, readRecords } from "./read-back.ts";
import { openScratchLog } from "./scratch-log.ts";

const SIZE = "3m";
const PIECE_BYTES = 48 << 10;

let disk = "";
const logs: AuditLog[] = [];

beforeEach(async () => {
  disk = await mkdtemp(join(tmpdir(), "full-disk-"));
  await exec("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", disk]);
});

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close().catch(() => undefined);
  await exec("umount", [disk]);
  await rm(disk, { recursive: true });
});

/** Takes all that is left but so many bytes, which a page is the least of. */
async function fill(leaveBytes = 0): Promise<void> {
  const filler = await open(join(disk, "filler"), "a");
  try {
    for (;;) await filler.write(Buffer.alloc(4096, 1));
  } catch (error) {
    if (!isErrno(error, "ENOSPC")) throw error;
    const { size } = await filler.stat();
    await filler.truncate(Math.max(0, size - leaveBytes));
  } finally {
    await filler.close();
  }
}

async function makeRoom(): Promise<void> {
  await rm(join(disk, "filler"));
}

const options = () => ({
  folder: join(disk, "log"),
  content: "plain" as const,
  recipients: [],
  zone: "UTC",
  maxSegmentBytes: 1 << 28,
  signingKey: join(disk, "log.key"),
});

type Watched = {
  readonly log: AuditLog;
  readonly reasons: readonly AppError[];
  readonly notes: readonly string[];
  /** Resolves when this many more notes have been taken. */
  readonly noted: (pattern: RegExp, count: number) => Promise<void>;
};

async function watched(onOpened: ReopeningDeps["onOpened"] = async () => undefined): Promise<Watched> {
  const reasons: AppError[] = [];
  const notes: string[] = [];
  const waiting: (() => void)[] = [];
  const log = await openReopeningLog(options(), {
    onOpened,
    onClosed: (why) => reasons.push(why),
    onNote: (note) => {
      notes.push(note);
      for (const look of waiting) look();
    },
  });
  logs.push(log);
  return {
    log,
    reasons,
    notes,
    noted: async (pattern, count) => {
      const from = notes.length;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(() => {
        if (notes.slice(from).filter((note) => pattern.test(note)).length >= count) resolve();
      });
      await promise;
    },
  };
}

/** Appends until the disk refuses; returns what was acknowledged. */
async function appendUntilFull(log: AuditLog, name: string): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  for (let count = 0; ; count += 1) {
    const prompt = `${name} ${count} ${String.fromCharCode(97 + (count % 26)).repeat(PIECE_BYTES)}`;
    try {
      await log.append(request(`${name}${count}`), text(prompt)).durable;
    } catch (error) {
      expect(error).toMatchObject({ code: "LOG_UNWRITABLE", cause: { code: "ENOSPC" } });
      return acknowledged;
    }
    acknowledged.push(prompt);
  }
}

async function textsOf(folder: string): Promise<readonly string[]> {
  return (await readPayloadLines(folder)).map((line) => JSON.parse(line).text);
}

function openFilesOnDisk(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(join("/proc/self/fd", fd));
      return target.startsWith(disk) ? [target] : [];
    } catch (error) {
      // The folder itself was open while it was listed.
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    }
  });
}

test("a log whose disk is full refuses, and opens by itself once there is room, with all it had acknowledged", async () => {
  let opened = 0;
  const { log, reasons, notes, noted } = await watched(async () => {
    opened += 1;
  });
  const kept: string[] = [];
  for (const [round, leaveBytes] of [0, 4096, 8192].entries()) {
    await log.append(request("before"), text(`before ${round}`)).durable;
    kept.push(`before ${round}`);
    await fill(PIECE_BYTES * 4);
    const acknowledged = await appendUntilFull(log, `round ${round}`);
    expect(acknowledged.length).toBeGreaterThan(0);
    kept.push(...acknowledged);
    expect(log.state().kind).toBe("closed");
    expect(() => log.append(request("late"), text("late"))).toThrow(
      expect.objectContaining({ code: "LOG_UNWRITABLE" }),
    );
    await fill(leaveBytes);
    await noted(/^The audit log stays closed: .*no space left/, 1);
    expect(log.state().kind).toBe("closed");
    const reopened = noted(/^The audit log can be written again$/, 1);
    await makeRoom();
    await reopened;
    expect(log.state().kind).toBe("open");
    expect(opened).toBe(round + 2);
  }
  expect(reasons.length).toBeGreaterThanOrEqual(3);
  const { seq } = log.append(request("after"), text("after"));
  await log.append(answer("after", seq), text("afterwards")).durable;
  kept.push("after", "afterwards");
  await log.close();
  logs.splice(0);
  const texts = await textsOf(options().folder);
  expect(kept.filter((one) => !texts.includes(one))).toEqual([]);
  expect(texts).not.toContain("late");
  expect(await verifyLog(options().folder)).toMatchObject({ verdict: "OK", findings: [] });
  expect(notes.at(-1)).toBe("The audit log can be written again");
});

test("an attempt on a full disk leaves no file open, and the log free for the next", async () => {
  const { log } = await openScratchLog({ log: options().folder, keys: options().signingKey });
  await log.append(request("a"), text("a")).durable;
  await log.close();
  await fill();
  expect(openFilesOnDisk()).toEqual([]);
  for (let attempt = 0; attempt < 5; attempt += 1)
    await expect(openLog(options())).rejects.toThrow(/no space left/i);
  expect(openFilesOnDisk()).toEqual([]);
  await makeRoom();
  const again = await openLog(options());
  await again.log.close();
  expect((await verifyLog(options().folder)).verdict).toBe("OK");
  expect((await readRecords(options().folder)).at(-1)).toMatchObject({ type: "seal", reason: "stop" });
});

test("a log that its owner could not take up after it was opened is tried again", async () => {
  let opened = 0;
  const { log, noted } = await watched(async () => {
    opened += 1;
    if (opened === 2) throw Object.assign(new Error("its owner has no room"), { code: "ENOSPC" });
  });
  await fill(PIECE_BYTES * 2);
  await appendUntilFull(log, "full");
  const failed = noted(/^The audit log stays closed: its owner/, 1);
  const reopened = noted(/^The audit log can be written again$/, 1);
  await makeRoom();
  await failed;
  await reopened;
  expect(opened).toBe(3);
  await log.append(request("after"), text("after")).durable;
  expect(await textsOf(options().folder)).toContain("after");
});

test("a log that is closed while it is being opened again lets its folder go", async () => {
  let opened = 0;
  const { promise: isOpening, resolve } = Promise.withResolvers<void>();
  const { log } = await watched(async () => {
    opened += 1;
    if (opened === 2) resolve();
  });
  await fill(PIECE_BYTES * 2);
  await appendUntilFull(log, "full");
  await makeRoom();
  await isOpening;
  await log.close();
  logs.splice(0);
  expect(openFilesOnDisk()).toEqual([]);
  const next = await openLog(options());
  await next.log.close();
});

test("a disk that goes on being full is asked about again, one attempt at a time", async () => {
  const { log, notes, noted } = await watched();
  await fill(PIECE_BYTES * 2);
  await appendUntilFull(log, "full");
  await fill();
  await noted(/^The audit log stays closed/, 3);
  expect(notes.filter((note) => !/no space left/.test(note))).toEqual([]);
  expect(openFilesOnDisk()).toEqual([]);
  await makeRoom();
});

test("a log of which something acknowledged is gone stays closed", async () => {
  const { log, notes, noted } = await watched();
  await fill(PIECE_BYTES * 2);
  await appendUntilFull(log, "full");
  await fill();
  await noted(/^The audit log stays closed/, 1);
  const gone = noted(/^The audit log stays closed/, 1);
  await rm(join(options().folder, "ledger"), { recursive: true });
  await mkdir(join(options().folder, "ledger"));
  await makeRoom();
  await gone;
  expect(notes.at(-1)).not.toMatch(/no space left/);
  expect(log.state().kind).toBe("closed");
  expect(() => log.append(request("late"), text("late"))).toThrow(
    expect.objectContaining({ code: "LOG_UNWRITABLE" }),
  );
});
