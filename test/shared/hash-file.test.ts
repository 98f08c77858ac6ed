import { createHash } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { digestOf } from "../../src/shared/digest.ts";
import { hashFile, hashRange } from "../../src/shared/hash-file.ts";
import { temporaryFolder } from "../builder/temporary.ts";

const MIB = 1 << 20;
/** No two stretches of it are alike, so that a buffer used too early or too late shows. */
const BYTES = Buffer.concat(
  Array.from({ length: 120_000 }, (_, index) => createHash("sha256").update(String(index)).digest()),
);
let path: string;
beforeAll(async () => {
  path = join(await temporaryFolder(), "file");
  await writeFile(path, BYTES);
});

test("hashFile gives digest and length of the whole file, also of an empty one", async () => {
  expect(await hashFile(path)).toEqual({ digest: digestOf(BYTES), sizeBytes: BYTES.length });
  const empty = join(await temporaryFolder(), "empty");
  await writeFile(empty, "");
  expect(await hashFile(empty)).toEqual({ digest: digestOf(""), sizeBytes: 0 });
});

test.each([
  [0, 1],
  [1, MIB],
  [511, MIB + 1],
  [3, 3 * MIB],
  [BYTES.length, 0],
])("hashRange from byte %i hashes %i bytes and tells of each", async (offset, sizeBytes) => {
  let told = 0;
  const hashed = await hashRange(path, { offset, sizeBytes }, { onBytes: (bytes) => (told += bytes) });
  expect(hashed).toEqual({ digest: digestOf(BYTES.subarray(offset, offset + sizeBytes)), sizeBytes });
  expect(told).toBe(sizeBytes);
});

test("hashRange of more than there is says how much there was", async () => {
  const short = join(await temporaryFolder(), "short");
  await writeFile(short, BYTES);
  await truncate(short, MIB + 7);
  const hashed = await hashRange(short, { offset: 7, sizeBytes: 2 * MIB });
  expect(hashed).toEqual({ digest: digestOf(BYTES.subarray(7, MIB + 7)), sizeBytes: MIB });
});

test("hashFile stops when it is told to", async () => {
  await expect(hashFile(path, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
});
