import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { noncesIn, readEvents } from "../../src/world/event.ts";
import { temporaryFolder } from "../builder/temporary.ts";

test.each([
  ["n0123456789abcdef.example", ["0123456789abcdef"]],
  ["0123456789abcdef 0123456789abcdef fedcba9876543210", ["0123456789abcdef", "fedcba9876543210"]],
  ["0123456789abcde", []],
  ["0123456789abcdef0", []],
  ["0123456789ABCDEF", []],
])("nonces in %j are %j", (text, nonces) => {
  expect(noncesIn(text)).toEqual(nonces);
  expect(noncesIn(Buffer.from(text))).toEqual(nonces);
});

test("a nonce between bytes that are no text is found", () => {
  const bytes = Buffer.concat([Buffer.of(0, 0xff), Buffer.from("0123456789abcdef"), Buffer.of(0xc3, 0)]);
  expect(noncesIn(bytes)).toEqual(["0123456789abcdef"]);
});

test("a line that is still being written is not read, and no file is no event", async () => {
  const path = join(await temporaryFolder(), "events.ndjson");
  expect(await readEvents(path)).toEqual([]);
  await appendFile(path, '{"receiver":"dns","nonces":[]}\n{"receiver":"ht');
  expect(await readEvents(path)).toEqual([{ receiver: "dns", nonces: [] }]);
});
