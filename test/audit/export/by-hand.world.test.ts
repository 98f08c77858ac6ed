/** The README of an export, done by hand: its commands as they stand there, in a shell, with other people's programs. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isLedgerLine, parseLedgerLine } from "../../../src/audit/line.ts";
import { parsePayloadLine, payloadRef } from "../../../src/audit/payload.ts";
import { parseTlogProof } from "../../../src/audit/notes/tlog-proof.ts";
import { parseCheckpoint } from "../../../src/audit/notes/checkpoint.ts";
import { parseNote } from "../../../src/audit/notes/signed-note.ts";
import { verifyInclusion } from "../../../src/audit/tree/rfc6962.ts";
import { exec, PLAIN_ENVIRONMENT } from "../../../src/shared/exec.ts";
import { ANNA, askedBy } from "../maintain/people.ts";
import { bundledVerifier, ILLNESS, sampleLog, TALKS, type SampleLog } from "./sample-export.ts";

let folder = "";
let sealed: SampleLog;
let out = "";
let records: readonly Shown[] = [];

/** No UTF-8. */
const BINARY = Buffer.from([0xff, 0x00, 0x0a, 0xfe]);

type Shown = { readonly seq: number; readonly line: Buffer; readonly payload: Buffer };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "by-hand-"));
  sealed = await sampleLog({ content: "sealed", verifier: await bundledVerifier(folder), rounds: 1 });
  const key = await sealed.log.contentKey(ANNA);
  const asked = askedBy("binary", { user: ANNA, conversation: ILLNESS });
  await sealed.log.append(asked, { bytes: BINARY, key }).durable;
  out = (await sealed.hand(ILLNESS, join(folder, "case"), ["--identity", sealed.identity])).out;
  records = await shownIn(out);
});

afterAll(async () => {
  await sealed.remove();
  await rm(folder, { recursive: true });
});

/** The indented command that has this in it, with its placeholders filled in. */
async function commandWith(part: string, values: Readonly<Record<string, string | number>>): Promise<string> {
  const readme = await readFile(join(out, "README.txt"), "utf8");
  const commands = readme.match(/(?:^ {6}.*\n)+/gm)?.map((block) => block.trim()) ?? [];
  const found = commands.filter((command) => command.includes(part));
  expect(found).toHaveLength(1);
  return Object.entries(values).reduce(
    (command, [name, value]) => command.replaceAll(new RegExp(`\\b${name}\\b`, "g"), String(value)),
    found[0] ?? "",
  );
}

async function inShell(command: string, cwd = out): Promise<string> {
  const env = { ...PLAIN_ENVIRONMENT, PATH: `${dirname(process.execPath)}:${PLAIN_ENVIRONMENT["PATH"]}` };
  return (await exec("sh", ["-euc", command], { cwd, env })).stdout;
}

async function shownIn(export_: string): Promise<readonly Shown[]> {
  const bytes = await readFile(join(export_, "records.jsonl"));
  const lines = bytes
    .toString("utf8")
    .split("\n")
    .map((line) => Buffer.from(line));
  return lines.flatMap((line, at) =>
    isLedgerLine(line)
      ? [{ seq: parseLedgerLine(line).seq, line, payload: lines[at + 1] ?? Buffer.alloc(0) }]
      : [],
  );
}

async function contentOf(seq: number): Promise<{ readonly salt: string; readonly text?: string }> {
  const lines = (await readFile(join(out, "content.jsonl"), "utf8")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line)).find((content) => content.seq === seq);
}

describe("by hand", () => {
  test("the whole export is checked with one line", async () => {
    expect(await inShell(await commandWith("log-verify.mjs", {}))).toContain(
      "PROVEN: 3 records, 3 with their text",
    );
  });

  test("sha256sum says the leaf hash that the proof leads up from", async () => {
    for (const { seq } of records) {
      const said = await inShell(await commandWith("printf", { N: seq }));
      const hash = Buffer.from(said.slice(0, 64), "hex");
      const proof = parseTlogProof(await readFile(join(out, `proofs/${seq}.proof`), "utf8"));
      const { size, root } = parseCheckpoint(parseNote(proof.checkpoint).text);
      expect(verifyInclusion({ hash, index: seq }, { size, root }, proof.hashes)).toBe(true);
    }
  });

  test("sha256sum says what the ledger line says of its payload line", async () => {
    for (const { seq, line } of records) {
      const said = await inShell(await commandWith("tail -n1 | tr", { N: seq }));
      expect(said.slice(0, 64)).toBe(payloadRef(parseLedgerLine(line))?.sha256);
    }
  });

  test("jq and openssl say what the record committed to, and something else of another text", async () => {
    const contents = await Promise.all(records.map(async ({ seq }) => await contentOf(seq)));
    for (const [index, { seq, line }] of records.entries()) {
      const commit = payloadRef(parseLedgerLine(line))?.commit;
      const how = contents[index]?.text === undefined ? ".base64'" : ".text'";
      const said = await inShell(await commandWith(how, { N: seq, SALT: contents[index]?.salt ?? "" }));
      expect(said.trim().split(" ").at(-1)).toBe(commit);
      const salt = contents.at(index - 1)?.salt ?? "";
      expect(await inShell(await commandWith(how, { N: seq, SALT: salt }))).not.toContain(commit);
    }
    expect(contents.map(({ text }) => text !== undefined)).toEqual([true, true, false]);
  });

  test("age gives the key, and node with that key the text", async () => {
    const { prompt, reply } = TALKS[ILLNESS] ?? { prompt: "", reply: "" };
    for (const [index, text] of [`1: ${prompt}`, `1: ${reply}`].entries()) {
      const { seq, payload } = records[index] ?? { seq: -1, payload: Buffer.alloc(0) };
      const line = parsePayloadLine(payload);
      if (line.kind !== "sealed") throw new Error(line.kind);
      const unwrap = await commandWith("age -d", { KEY: line.key, IDENTITY: sealed.identity });
      const hex = (await inShell(unwrap)).trim();
      expect(hex).toMatch(/^[0-9a-f]{64}$/);
      expect(await inShell(await commandWith("createDecipheriv", { N: seq, HEX: hex }))).toBe(text);
      const wrong = `${hex.startsWith("0") ? "1" : "0"}${hex.slice(1)}`;
      await expect(
        inShell(await commandWith("createDecipheriv", { N: seq, HEX: wrong })),
      ).rejects.toMatchObject({ code: "EXEC_FAILED" });
    }
  });

  test("whatever is changed in a wrapped key, age opens it to the same key or not at all", async () => {
    const path = join(out, "keys.jsonl");
    const before = await readFile(path);
    const { key } = JSON.parse(before.toString("utf8"));
    const unwrap = await commandWith("age -d", { KEY: key, IDENTITY: sealed.identity });
    const right = await inShell(unwrap);
    let refused = 0;
    for (let at = 0; at < before.length; at += 9) {
      const changed = Buffer.from(before);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(path, changed);
      // What a pipe's earlier programs say does not end it: then nothing comes out of it.
      const said = await inShell(`set -o pipefail 2>/dev/null || true; ${unwrap}`).catch(() => "");
      expect(["", right]).toContain(said);
      if (said === "") refused += 1;
    }
    await writeFile(path, before);
    expect(refused).toBeGreaterThan(20);
    expect(await inShell(unwrap)).toBe(right);
  });
});
