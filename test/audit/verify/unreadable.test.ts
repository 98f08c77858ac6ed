/** Folders that are not what a log's folder is: one sentence and an exit code, and never what only a developer can read. */
import { appendFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { leafHash } from "../../../src/audit/tree/rfc6962.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";
import { copyOfLog, passingFolder, removeLog } from "./mixed-log.ts";
import { onlySegment } from "./thousand-records.ts";

const PROGRAM = join(import.meta.dirname, "../../../src/audit/verify/main.ts");

let at: { readonly log: string; readonly keys: string };
let segment: string;

beforeAll(async () => {
  at = await scratchFolder();
  const { log } = await openScratchLog(at);
  await log.close();
  segment = await onlySegment(at.log);
  expect(await verifyLog(at.log)).toMatchObject({ verdict: "OK", records: 3 });
});

afterAll(async () => await removeLog(at));

type Spoiling = (log: string) => Promise<unknown>;

function folderAt(file: () => string): Spoiling {
  return async (log) => {
    await rm(join(log, file()), { recursive: true });
    await mkdir(join(log, file()));
  };
}

function pipeAt(file: () => string): Spoiling {
  return async (log) => {
    await rm(join(log, file()));
    await execa("/usr/bin/mkfifo", [join(log, file())]);
  };
}

function bytesAt(file: () => string, bytes: string | Uint8Array): Spoiling {
  return async (log) => {
    await rm(join(log, file()), { recursive: true, force: true });
    await writeFile(join(log, file()), bytes);
  };
}

const NO_VERDICT: readonly (readonly [what: string, code: string, spoil: Spoiling])[] = [
  ["log.json missing", "LOG_UNKNOWN", async (log) => await rm(join(log, "log.json"))],
  ["log.json a folder", "LOG_UNKNOWN", folderAt(() => "log.json")],
  ["log.json not UTF-8", "LOG_UNKNOWN", bytesAt(() => "log.json", Buffer.of(0xff, 0xfe))],
  ["checkpoints a folder", "LOG_UNREADABLE", folderAt(() => "checkpoints")],
  ["ledger a file", "LOG_UNREADABLE", bytesAt(() => "ledger", "")],
  ["a segment a folder", "LOG_UNREADABLE", folderAt(() => segment)],
  ["a segment a pipe", "LOG_UNREADABLE", pipeAt(() => segment)],
  ["log.json a pipe", "LOG_UNKNOWN", pipeAt(() => "log.json")],
  ["a segment a link to nothing", "LOG_UNREADABLE", async (log) => {
    await rm(join(log, segment));
    await symlink("/nowhere", join(log, segment));
  }],
]; // prettier-ignore

const A_VERDICT: readonly (readonly [what: string, verdict: object, spoil: Spoiling])[] = [
  ["an own file beside the segments", { verdict: "OK" }, bytesAt(() => "ledger/notes.txt", "mine")],
  ["no checkpoints", { verdict: "OK_UNANCHORED", seq: 0 }, async (log) => await rm(join(log, "checkpoints"))],
  ["checkpoints that are noise", { verdict: "MODIFIED" }, bytesAt(() => "checkpoints", Buffer.alloc(3_000_000, 0xff))],
  ["no tiles", { verdict: "MODIFIED", seq: 0 }, async (log) => await rm(join(log, "tree"), { recursive: true })],
  ["a file for all tiles", { verdict: "MODIFIED", seq: 0 }, bytesAt(() => "tree", "")],
  ["a folder for a tile", { verdict: "MODIFIED", seq: 0 }, folderAt(() => "tree/tile/0/000.p/3")],
  ["a pipe for a tile", { verdict: "MODIFIED", seq: 0 }, pipeAt(() => "tree/tile/0/000.p/3")],
  ["no segments", { verdict: "TRUNCATED", seq: 0 }, async (log) => await rm(join(log, "ledger"), { recursive: true })],
  ["a segment without a byte", { verdict: "TRUNCATED", seq: 0 }, bytesAt(() => segment, "")],
  ["a segment of somebody else", { verdict: "MODIFIED", seq: 0 }, bytesAt(() => "ledger/2020-01-01.000.jsonl", "mine\n")],
  ["a compressed one that is noise", { verdict: "MODIFIED", seq: 0 }, bytesAt(() => "ledger/2020-01-01.000.jsonl.zst", Buffer.alloc(5_000, 7))],
  ["a line that is not UTF-8", { verdict: "MODIFIED", seq: 3 }, async (log) => await appendFile(join(log, segment), Buffer.of(0xff, 0xfe, 0x0a))],
  ["a ledger line of 20 MB", { verdict: "MODIFIED", seq: 3 }, async (log) => await appendFile(join(log, segment), `{"v":1,"seq":3,"a":"${"x".repeat(20_000_000)}"}\n`)],
]; // prettier-ignore

describe("there is no verdict on a log with", () => {
  test.each(NO_VERDICT)("%s: %s", async (_, code, spoil) => {
    const log = await copyOfLog(at.log);
    await spoil(log);
    await expect(verifyLog(log)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^Cannot .+$/),
    });
  });
});

describe("there is a verdict on a log with", () => {
  test.each(A_VERDICT)("%s: %o", async (_, verdict, spoil) => {
    const log = await copyOfLog(at.log);
    await spoil(log);
    expect(await verifyLog(log)).toMatchObject(verdict);
  });

  test.each([
    { type: "req", id: "a", payload: null },
    { type: "req", id: "a", payload: {} },
    { type: "req" },
    { type: "res", req: "3" },
    { type: "purge", payloads: 1 },
    { type: "purge", ranges: [null] },
    { type: "retain", ranges: [[0, 1]] },
    { type: "open", segment: "2026-01-01.001", origin: 1 },
    { type: "key", key: 1, previous: "", signature: "" },
    { type: "seal" },
  ])("a record that lacks what its type has, %o: MODIFIED, there", async (body) => {
    const log = await copyOfLog(at.log);
    const lines = (await readFile(join(log, segment), "utf8")).split("\n");
    const prev = leafHash(Buffer.from(lines.at(-2) ?? "")).toString("hex");
    const record = JSON.stringify({ v: 1, seq: 3, prev, ts: "", mono: 0, ...body });
    await appendFile(join(log, segment), `${record}\n{"tombstone":3,"by":4}\n`);
    const { verdict, seq, findings } = await verifyLog(log);
    expect([verdict, seq]).toEqual(["MODIFIED", 3]);
    expect(findings[0]?.what).toMatch(/^it lacks what a record of type/);
  });

  test("a compressed segment that is cut in the middle: MODIFIED", async () => {
    const log = await copyOfLog(at.log);
    const packed = zstdCompressSync(await readFile(join(log, segment)));
    await rm(join(log, segment));
    await writeFile(join(log, `${segment}.zst`), packed);
    expect(await verifyLog(log)).toMatchObject({ verdict: "OK" });
    await writeFile(join(log, `${segment}.zst`), packed.subarray(0, packed.length >> 1));
    expect(await verifyLog(log)).toMatchObject({ verdict: "MODIFIED" });
  });

  test.each([
    ["a frame of lines that zstdcat would show", zstdCompressSync('{"v":1,"seq":3}\n')],
    ["noise", Buffer.alloc(100, 7)],
  ])("a compressed segment after which there is %s: MODIFIED", async (_, more) => {
    const log = await copyOfLog(at.log);
    const packed = zstdCompressSync(await readFile(join(log, segment)));
    await rm(join(log, segment));
    await writeFile(join(log, `${segment}.zst`), Buffer.concat([packed, more]));
    expect(await verifyLog(log)).toMatchObject({ verdict: "MODIFIED", seq: 3 });
  });

  test("a line that is longer than any: MODIFIED, and no more of it is held than the longest may have", async () => {
    const log = await copyOfLog(at.log);
    const bytes = await readFile(join(log, segment));
    await rm(join(log, segment));
    // Half a gigabyte of one line takes a few kilobytes.
    await writeFile(
      join(log, `${segment}.zst`),
      zstdCompressSync(Buffer.concat([bytes, Buffer.alloc(1 << 29, "x")])),
    );
    const { verdict, seq, findings } = await verifyLog(log);
    expect([verdict, seq]).toEqual(["MODIFIED", 3]);
    expect(findings[0]?.what).toMatch(/cannot be read on: .*longer than/);
  });
});

describe("the program says so in one sentence", () => {
  test.each([
    { what: "nowhere", folder: async () => join((await passingFolder()).log, "none"), exitCode: 2, says: /neither an audit log/ },
    { what: "a folder that is empty", folder: async () => dirname((await passingFolder()).log), exitCode: 2, says: /neither an audit log/ },
    { what: "a file", folder: async () => join(await copyOfLog(at.log), "log.json"), exitCode: 2, says: /neither an audit log/ },
    { what: "a log with a folder for a segment", folder: async () => await spoilt(folderAt(() => segment)), exitCode: 9, says: /it is no file/ },
    { what: "a log whose log.json is noise", folder: async () => await spoilt(bytesAt(() => "log.json", "{")), exitCode: 3, says: /Cannot use the log/ },
  ])("of $what", async ({ folder, exitCode, says }) => {
    const done = await execa(process.execPath, [PROGRAM, await folder()], { reject: false });
    expect(done).toMatchObject({ exitCode, stdout: "" });
    expect(done.stderr.split("\n")).toHaveLength(1);
    expect(done.stderr).toMatch(says);
  }); // prettier-ignore
});

async function spoilt(spoil: Spoiling): Promise<string> {
  const log = await copyOfLog(at.log);
  await spoil(log);
  return log;
}
