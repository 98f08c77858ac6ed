/** Other people's programs read what we wrote. */
import { execFileSync } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { expect, test } from "vitest";
import { openSealed, parsePayloadLine } from "../../../src/audit/payload.ts";
import { readWrappedKeys } from "../../../src/audit/seal.ts";
import { request, text } from "./entries.ts";
import { readPayloadLines } from "./read-back.ts";
import { openScratchLog, scratchFolder } from "./scratch-log.ts";

test("age unwraps the key that opens a sealed prompt", async () => {
  const at = await scratchFolder();
  const identity = await generateX25519Identity();
  const { log } = await openScratchLog(at, {
    content: "sealed",
    recipients: [await identityToRecipient(identity)],
  });
  const key = await log.contentKey("someone");
  await log.append(request("a"), { bytes: Buffer.from("my secret prompt"), key }).durable;
  await log.close();
  const [line = ""] = await readPayloadLines(at.log);
  const [wrapped] = await readWrappedKeys(at.log, key.id.slice(0, 10));
  const identityFile = `${at.log}.identity`;
  await writeFile(identityFile, `${identity}\n`);
  const input = Buffer.from(wrapped?.wrapped ?? "", "base64");
  const secret = execFileSync("age", ["-d", "-i", identityFile], { input });
  const sealed = parsePayloadLine(Buffer.from(line));
  if (sealed.kind !== "sealed") throw new Error(sealed.kind);
  expect(Buffer.from(openSealed(sealed, secret).bytes).toString()).toBe("my secret prompt");
});

test("zstd and jq read a compressed segment", async () => {
  const at = await scratchFolder();
  const { log } = await openScratchLog(at);
  await log.append(request("a"), text("hello")).durable;
  await log.rotate("verb");
  await log.close();
  const folder = join(at.log, "ledger");
  const zst = (await readdir(folder)).find((name) => name.endsWith(".zst")) ?? "";
  const input = execFileSync("zstd", ["-dc", join(folder, zst)]);
  const query = 'select(.text or .type == "seal") | .text // .reason';
  expect(execFileSync("jq", ["-r", query], { input }).toString()).toBe("hello\nverb\n");
});
