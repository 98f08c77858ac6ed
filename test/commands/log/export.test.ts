import { execFileSync } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleProgram } from "../../../src/builder/bundle.ts";
import { ANNA, BERT, CHAT, converse } from "../../audit/maintain/people.ts";
import { readRecords } from "../../audit/write/read-back.ts";
import { openScratchLog } from "../../audit/write/scratch-log.ts";
import { auditFolder, runLog } from "./run-log.ts";

const ROOT = join(import.meta.dirname, "../../..");
let verifier = "";

beforeAll(async () => {
  const { code } = await bundleProgram(ROOT, "src/audit/verify/main.ts");
  const { root } = await auditFolder();
  verifier = join(root, "verify.mjs");
  await writeFile(verifier, code);
});

describe("log export", () => {
  test("hands over one conversation, in the clear to whoever has the identity, and Node alone checks it", async () => {
    const { root, at, identity } = await sealedLog();
    const words = ["export", "--conversation", CHAT, "--out", "case", "--verifier", verifier];
    const { data, printed } = await runLog(root, [...words, "--identity", identity]);
    expect(data).toMatchObject({ records: 2, texts: 2, keys: 1 });
    expect(printed).toContain("README.txt says how it is checked");
    const out = join(root, "case");
    const everything = await contentsOf(out);
    expect(everything).toContain("her question");
    expect(everything).not.toContain(BERT);
    const said = execFileSync(process.execPath, ["log-verify.mjs", ".", "--log-key", await logKey(out)], {
      cwd: out,
    });
    expect(said.toString()).toContain("PROVEN: 2 records, 2 with their text");
    const access = (await readRecords(at.log)).find(({ type }) => type === "access");
    expect(access).toMatchObject({ verb: "log export", detail: `conversation ${CHAT}` });
  });

  test("without an identity shows no text, and a changed line is not proven", async () => {
    const { root } = await sealedLog();
    const words = ["export", "--conversation", CHAT, "--out", "case", "--verifier", verifier];
    expect((await runLog(root, words)).data).toMatchObject({ records: 2, texts: 0, keys: 1 });
    const out = join(root, "case");
    expect(await contentsOf(out)).not.toContain("her question");
    const path = join(out, "records.jsonl");
    await rm(join(out, "content.jsonl"), { force: true });
    await writeFile(path, (await readFile(path, "utf8")).replace('"status":200', '"status":201'));
    const key = await logKey(out);
    expect(() =>
      execFileSync(process.execPath, ["log-verify.mjs", ".", "--log-key", key], { cwd: out, stdio: "pipe" }),
    ).toThrow(/Command failed/);
  });

  test.each([
    ["no selection", ["--out", "x"], "USAGE"],
    ["no folder", ["--user", ANNA], "USAGE"],
    ["no verifier", ["--user", ANNA, "--out", "x", "--verifier", "nowhere.mjs"], "VERIFIER_MISSING"],
  ])("refuses %s, and writes no access record", async (_, words, code) => {
    const { root, at } = await sealedLog();
    await expect(runLog(root, ["export", ...words])).rejects.toMatchObject({ code });
    expect((await readRecords(at.log)).map(({ type }) => type)).not.toContain("access");
  });
});

async function sealedLog() {
  const at = await auditFolder();
  const secret = await generateX25519Identity();
  const identity = join(at.root, "identity.txt");
  await writeFile(identity, `${secret}\n`);
  const recipients = [await identityToRecipient(secret)];
  const { log } = await openScratchLog(at, { content: "sealed", recipients });
  await converse(log, { user: ANNA, conversation: CHAT }, { prompt: "her question", reply: "her answer" });
  await converse(log, { user: BERT }, { prompt: "his question", reply: "his answer" });
  await log.close();
  return { at, root: at.root, identity };
}

async function contentsOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files.map(async (file) => await readFile(join(file.parentPath, file.name), "utf8")),
  );
  return texts.join("\n");
}

async function logKey(out: string): Promise<string> {
  return (await readFile(join(out, "log-key"), "utf8")).trim();
}
