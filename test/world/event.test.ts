import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { noncesIn, readEvents } from "../../src/world/event.ts";

test("noncesIn finds runs of exactly 16 hex digits, each once, among any bytes", () => {
  const bytes = Buffer.from(
    "\x11n0123456789abcdef.x\xff\x000123456789abcdef!0123456789abcdef0 0123456789abcde",
    "latin1",
  );
  expect(noncesIn(bytes)).toEqual(["0123456789abcdef"]);
});

test("readEvents leaves out a line that is still being written, and is empty before the first", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cloister-events-"));
  const path = join(folder, "events");
  expect(await readEvents(path)).toEqual([]);
  await writeFile(path, '{"receiver":"dns"}\n{"receiver":"ht');
  expect(await readEvents(path)).toEqual([{ receiver: "dns" }]);
  await rm(folder, { recursive: true });
});
