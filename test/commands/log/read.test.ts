import { appendFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";
import { createLogService } from "../../../src/audit/control/log-service.ts";
import { answerControl } from "../../../src/audit/control/server.ts";
import { witnessAt } from "../../../src/audit/write/ask-witness.ts";
import { wordsOf } from "../../../src/commands/log/fingerprint.ts";
import { serveWitness } from "../../../src/witness/serve.ts";
import { ANNA, BERT, CHAT, converse, maintenanceOf, settle } from "../../audit/maintain/people.ts";
import { readRecords } from "../../audit/write/read-back.ts";
import { openScratchLog } from "../../audit/write/scratch-log.ts";
import { auditFolder, runLog } from "./run-log.ts";

describe("log tail", () => {
  test("shows the newest records without their text, and leaves no trace", async () => {
    const { root, at, log } = await live();
    await converse(log, { user: ANNA, conversation: CHAT }, { prompt: "my question", reply: "my answer" });
    const { printed } = await runLog(root, ["tail", "-n", "2"]);
    expect(printed.trimEnd().split("\n")).toHaveLength(2);
    expect(printed).toContain(`user ${ANNA}  conversation ${CHAT}`);
    expect(printed).not.toContain("my question");
    expect((await readRecords(at.log)).map(({ type }) => type)).not.toContain("access");
    await log.close();
  });

  test("shows sealed text to whoever has the identity, after it wrote down who reads", async () => {
    const { root, at, log, identity } = await sealed();
    await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
    await log.rotate("verb");
    await settle(log);
    await converse(log, { user: BERT }, { prompt: "his question", reply: "his answer" });
    const { printed } = await runLog(root, ["tail", "-n", "99", "--identity", identity]);
    for (const text of ["my question", "my answer", "his question", "his answer"])
      expect(printed).toContain(`    ${text}\n`);
    const access = (await readRecords(at.log)).find(({ type }) => type === "access");
    expect(access).toMatchObject({ verb: "log tail", by: "tester" });
    expect(printed).toContain("  access  log tail");
    await log.close();
  });

  test("says that text is sealed to somebody else", async () => {
    const { root, log } = await sealed();
    await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
    const other = join(root, "other.txt");
    await writeFile(other, `${await generateX25519Identity()}\n`);
    const { printed } = await runLog(root, ["tail", "--identity", other]);
    expect(printed).toContain("(sealed; none of the identities opens it)");
    expect(printed).not.toContain("my question");
    await log.close();
  });

  test("prints one JSON document a line, with what was removed named as such", async () => {
    const { root, log } = await live();
    const [seq] = await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
    const selector = { by: "seq", first: seq, last: seq } as const;
    const { done } = await maintenanceOf(log).purge({ selector, reason: "r", by: "b" });
    const { printed } = await runLog(root, ["tail", "--json", "--content", "--user", ANNA]);
    const documents = printed
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(documents).toMatchObject([
      { record: { type: "req" }, removed: done?.orders[0] },
      { record: { type: "res" }, text: "my answer" },
    ]);
    await log.close();
  });

  test("names each server's model where there are two", async () => {
    const { root, log } = await live();
    const model = { alias: "demo", sha256: "" };
    const embedding = { alias: "embed", sha256: "" };
    const rules = { version: "", recipients: [], zone: "UTC", images: [], policy: "" };
    const retention = { content: 90, ledger: 366 };
    const config = { ...rules, mode: "request", content: "plain", retention, model } as const;
    const none = { input: 0, output: 0 };
    const counted = {
      type: "reconcile",
      verdict: "ok",
      upstream: none,
      logged: none,
      interrupted: 0,
    } as const;
    log.append({ type: "config", config });
    log.append({ type: "config", config: { ...config, embedding } });
    log.append(counted);
    await log.append({ ...counted, model: "embed" }).durable;
    const { printed } = await runLog(root, ["tail", "-n", "4"]);
    const [one = "", both = "", unnamed = "", named = ""] = printed.trimEnd().split("\n");
    expect(one).toMatch(/ {2}config {2}mode request {2}text plain {2}demo$/);
    expect(both).toMatch(/ {2}demo {2}embed$/);
    expect(unnamed).toMatch(/ {2}reconcile {2}ok$/);
    expect(named).toMatch(/ {2}reconcile {2}ok {2}embed$/);
    await log.close();
  });

  test("lets no text steer the terminal", async () => {
    const { root, log } = await live();
    await converse(log, { user: ANNA }, { prompt: "a\u001b]0;owned\u0007b\u202ec\rd", reply: "two\nlines" });
    const { printed } = await runLog(root, ["tail", "--content"]);
    expect(printed).toContain("    a\ufffd]0;owned\ufffdb\ufffdc\ufffdd\n");
    expect(printed).toContain("    two\n    lines\n");
    await log.close();
  });

  test("follows the log over rotation and compression, and loses and repeats nothing", async () => {
    const { root, log } = await live();
    const abort = new AbortController();
    const seen: number[] = [];
    const running = runLog(root, ["tail", "-f", "-n", "1", "--json"], {
      signal: abort.signal,
      onPiece: (piece) => {
        const { seq, type } = JSON.parse(piece).record;
        seen.push(seq);
        if (type === "heartbeat") abort.abort();
      },
    });
    for (let round = 0; round < 5; round += 1) {
      await converse(log, { user: ANNA }, { prompt: `question ${round}`, reply: "answer" });
      await log.rotate("verb");
      if (round % 2 === 0) await settle(log);
    }
    await log.append({ type: "heartbeat" }).durable;
    await running;
    const first = seen[0] ?? -1;
    expect(seen).toEqual(seen.map((_, index) => first + index));
    expect(seen.at(-1)).toBe(log.status().nextSeq - 1);
    await log.close();
  });

  test("refuses a file without an identity, and never repeats what is in it", async () => {
    const { root, log } = await live();
    await writeFile(join(root, "bad"), "AGE-SECRET-KEY-1NOTREALLY\n");
    const error: unknown = await runLog(root, ["tail", "--identity", "bad"]).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code: "IDENTITY_INVALID" });
    expect(String(error)).not.toContain("NOTREALLY");
    await log.close();
  });

  test("of a copy without its key reads, and says that it leaves no record", async () => {
    const { root, at, log } = await live();
    await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
    await log.close();
    await rm(at.keys);
    const before = await readRecords(at.log);
    const { printed, notes } = await runLog(root, ["tail", "--content"]);
    expect(printed).toContain("my question");
    expect(notes.join()).toContain("No access record");
    expect(await readRecords(at.log)).toEqual(before);
  });
});

describe("log verify", () => {
  test("says OK of a log that was closed in order, and PURGED once text is gone", async () => {
    const { root, log } = await live();
    const [seq] = await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
    await log.close();
    const fine = await runLog(root, ["verify"]);
    expect(fine).toMatchObject({ verdict: "pass", data: { verdict: "OK" } });
    await runLog(root, ["purge", "--seq", `${seq}`, "--reason", "r", "--yes"]);
    expect(await runLog(root, ["verify"])).toMatchObject({
      verdict: "pass",
      data: { verdict: "PURGED", purged: 1 },
    });
  });

  test("says OK of a log that a retention run has shortened", async () => {
    const { root, log } = await live();
    await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
    await log.close();
    await runLog(root, ["retain", "--content", "session", "--ledger", "90"]);
    const { data } = await runLog(root, ["verify"]);
    expect(data).toMatchObject({ verdict: "PURGED", purged: 2 });
  });

  test("is no pass where a byte was changed, and names the record", async () => {
    const { root, at, log } = await live();
    const [seq] = await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
    await log.close();
    const [name = ""] = await readdir(join(at.log, "ledger"));
    const path = join(at.log, "ledger", name);
    await writeFile(path, (await readFile(path, "utf8")).replace("my question", "no question"));
    await expect(runLog(root, ["verify"])).rejects.toMatchObject({
      code: "LOG_MODIFIED",
      exitCode: 3,
      fields: { verdict: "MODIFIED", seq },
    });
  });

  test("asks the witness, and does not believe another one", async () => {
    const at = await auditFolder();
    const socket = join(at.root, "witness.sock");
    const witness = await serveWitness({ socket, folder: join(at.root, "witness") });
    const { log } = await openScratchLog(at, {}, { askWitness: witnessAt(socket) });
    await log.close();
    const { data } = await runLog(at.root, ["verify", "--witness", socket, "--witness-key", witness.vkey]);
    expect(data).toMatchObject({ verdict: "OK" });
    expect(data).toHaveProperty(
      "cosigned",
      expect.toSatisfy((count: number) => count > 0),
    );
    const other = await serveWitness({ socket: join(at.root, "w2.sock"), folder: join(at.root, "w2") });
    await expect(
      runLog(at.root, ["verify", "--witness", socket, "--witness-key", other.vkey]),
    ).rejects.toMatchObject({ code: "WITNESS_OTHER", exitCode: 4 });
    await witness.close();
    await other.close();
    await expect(runLog(at.root, ["verify", "--witness", socket])).rejects.toMatchObject({ exitCode: 11 });
  });
});

describe("log anchor", () => {
  test("exports what import takes back, and verify then counts", async () => {
    const { root, log } = await live();
    await log.append({ type: "heartbeat" }).durable;
    const out = await runLog(root, ["anchor", "export", "a.ckpt"]);
    expect(out.printed).toMatch(/fingerprint\n(?: {2}[a-z]{5} [a-z]{5} [a-z]{5} [a-z]{5}\n){4}/);
    expect(out.data).toMatchObject({ size: log.status().nextSeq });
    const back = await runLog(root, ["anchor", "import", "a.ckpt"]);
    expect(back.printed).toContain("this log grows out of it");
    await log.append({ type: "heartbeat" }).durable;
    await log.close();
    expect((await runLog(root, ["verify"])).data).toMatchObject({ verdict: "OK", anchors: 1 });
    expect((await runLog(root, ["status"])).printed).toMatch(/anchors {5}2 records, 3 since/);
  });

  test("does not take one of another log, nor of another history", async () => {
    const [one, two] = [await live(), await live()];
    await one.log.close();
    await two.log.close();
    await runLog(one.root, ["anchor", "export", join(two.root, "other.ckpt")]);
    await expect(runLog(two.root, ["anchor", "import", "other.ckpt"])).rejects.toMatchObject({
      code: "ANCHOR_DIFFERS",
      exitCode: 3,
    });
    await runLog(two.root, ["anchor", "export", "own.ckpt"]);
    const note = await readFile(join(two.root, "own.ckpt"), "utf8");
    const [origin, size, , ...rest] = note.split("\n");
    await writeFile(
      join(two.root, "bad.ckpt"),
      [origin, size, Buffer.alloc(32).toString("base64"), ...rest].join("\n"),
    );
    await expect(runLog(two.root, ["anchor", "import", "bad.ckpt"])).rejects.toMatchObject({
      code: "ANCHOR_DIFFERS",
    });
    await appendFile(join(two.root, "junk.ckpt"), "no note");
    await expect(runLog(two.root, ["anchor", "import", "junk.ckpt"])).rejects.toMatchObject({
      code: "ANCHOR_UNREADABLE",
    });
  });
});

test("a fingerprint's words are proquints", () => {
  // The paper's own samples: 127.0.0.1 and 63.84.220.193.
  expect(wordsOf(Uint8Array.of(127, 0, 0, 1))).toEqual(["lusab", "babad"]);
  expect(wordsOf(Uint8Array.of(63, 84, 220, 193))).toEqual(["gutih", "tugad"]);
});

test("log status says how a log is kept", async () => {
  const { root, log } = await live();
  await converse(log, { user: ANNA }, { prompt: "my question", reply: "my answer" });
  const { printed, data } = await runLog(root, ["status"]);
  expect(data).toMatchObject({ writer: { durableSeq: 2 }, newest: { seq: 2 }, oldestText: { seq: 1 } });
  for (const line of [
    /^writer {6}open, last durable record 2$/m,
    /^witness {5}none answers here$/m,
    /^disk {8}/m,
  ])
    expect(printed).toMatch(line);
  await log.close();
  expect((await runLog(root, ["status"])).printed).toMatch(/^writer {6}nobody writes it now$/m);
});

async function live(options: Parameters<typeof openScratchLog>[1] = {}) {
  const at = await auditFolder();
  const { log, server } = await openScratchLog(at, options);
  answerControl(server, createLogService(log, maintenanceOf(log)), () => undefined);
  return { at, root: at.root, log };
}

async function sealed() {
  const secret = await generateX25519Identity();
  const opened = await live({ content: "sealed", recipients: [await identityToRecipient(secret)] });
  const identity = join(opened.root, "identity.txt");
  await writeFile(identity, `# created: today\n${secret}\n`);
  return { ...opened, identity };
}
