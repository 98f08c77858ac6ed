import { appendFile, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderVerdict } from "../../../src/audit/verify/render.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { AppError } from "../../../src/shared/errors.ts";
import { copyOfLog, mixedLog, removeLog } from "./mixed-log.ts";

let at: { readonly log: string };
let whole: string;
let files: readonly string[];

beforeAll(async () => {
  at = await mixedLog();
  whole = at.log;
  const entries = await readdir(whole, { recursive: true, withFileTypes: true });
  files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(whole.length + 1))
    .sort();
});

afterAll(async () => await removeLog(at));

/** A verdict, or an error that has a name: of ours, or of the file system. */
async function outcomeOf(folder: string): Promise<string> {
  try {
    const verdict = await verifyLog(folder);
    expect(renderVerdict(verdict)).toContain(verdict.verdict);
    return verdict.verdict;
  } catch (error) {
    const isNamed = error instanceof AppError || (error instanceof Error && "syscall" in error);
    if (!isNamed) throw error;
    return "no verdict";
  }
}

const TYPES = [
  "open", "seal", "config", "req", "part", "res", "abandon", "purge", "retain", "retained", "key", "hold",
  "reconcile", "witness", "stop", "constructor", "__proto__", "",
]; // prettier-ignore

const anything = fc.jsonValue({ maxDepth: 3 });

/** The right head, in its order, and whatever may follow. */
const record = fc
  .record({
    seq: fc.oneof(fc.nat(40), fc.maxSafeInteger()),
    prev: fc.constantFrom("0".repeat(64), "f".repeat(64)),
    type: fc.constantFrom(...TYPES),
    body: fc.dictionary(
      fc.constantFrom(
        "segment", "origin", "key", "previous", "signature", "ranges", "minimum", "payload", "records", "req", "id",
        "verdict", "reason",
      ), // prettier-ignore
      fc.oneof(
        anything,
        fc.constant([[0, 5]]),
        fc.constant({ bytes: 1, sha256: "", commit: "" }),
        fc.nat(40),
        fc.string(),
      ),
    ),
  })
  .map(({ seq, prev, type, body }) => JSON.stringify({ v: 1, seq, prev, ts: "", mono: 0, type, ...body }));

const line = fc.oneof(
  { weight: 5, arbitrary: record },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(40), fc.nat(60)).map(([of, by]) => `{"tombstone":${of},"by":${by}}`),
  },
  { weight: 1, arbitrary: anything.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.string() },
);

test(
  "a ledger of records that make no sense has a verdict, and never a good one",
  { timeout: 120_000 },
  async () => {
    const folder = await copyOfLog(whole);
    await rm(join(folder, "checkpoints"));
    await rm(join(folder, "ledger"), { recursive: true });
    await mkdir(join(folder, "ledger"));
    const plain = join(folder, "ledger/2026-01-01.000.jsonl");
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async (lines, isPacked) => {
          const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(""));
          await rm(plain, { force: true });
          await rm(`${plain}.zst`, { force: true });
          await writeFile(isPacked ? `${plain}.zst` : plain, isPacked ? zstdCompressSync(bytes) : bytes);
          expect(["OK", "PURGED", "no verdict"]).not.toContain(await outcomeOf(folder));
        },
      ),
      { numRuns: 200 },
    );
  },
);

test(
  "a folder in which anything was done to any file has a verdict, or an error with a name",
  { timeout: 120_000 },
  async () => {
    const change = fc.record({
      file: fc.nat(),
      how: fc.constantFrom("remove", "cut", "append", "replace", "folder", "another's", "line", "doubled"),
      bytes: fc.uint8Array({ maxLength: 300 }),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      line,
    });
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const folder = await copyOfLog(whole);
        for (const { file, how, bytes, at, line } of changes) {
          const path = join(folder, files[file % files.length] ?? "");
          const old = await readFile(path).catch(() => Buffer.alloc(0));
          const middle = Math.floor(old.length * at);
          await rm(path, { recursive: true, force: true });
          if (how === "folder") await mkdir(path, { recursive: true });
          else if (how !== "remove") await writeFile(path, old);
          if (how === "cut") await truncate(path, middle);
          if (how === "append") await appendFile(path, bytes);
          if (how === "replace") await writeFile(path, bytes);
          if (how === "doubled") await writeFile(path, Buffer.concat([old, old]));
          if (how === "line")
            await writeFile(
              path,
              Buffer.concat([old.subarray(0, middle), Buffer.from(`\n${line}\n`), old.subarray(middle)]),
            );
          if (how === "another's")
            await writeFile(path, await readFile(join(whole, files[(file + 1) % files.length] ?? "")));
        }
        seen.add(await outcomeOf(folder));
        await rm(folder, { recursive: true });
      }),
      { numRuns: 120 },
    );
    expect([...seen]).toEqual(expect.arrayContaining(["MODIFIED", "TRUNCATED", "no verdict"]));
  },
);
