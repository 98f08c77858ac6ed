/** What somebody holds who was handed one conversation, and has neither cloister nor the rest of the log. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { proofFile, RECORDS_FILE } from "../../../src/audit/export/layout.ts";
import { writeExport } from "../../../src/audit/export/write-export.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { serveWitness } from "../../../src/witness/serve.ts";
import { witnessAt } from "../../../src/audit/write/ask-witness.ts";
import { runLog } from "../../commands/log/run-log.ts";
import { ANNA, converse, maintenanceOf } from "../maintain/people.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";
import {
  bundledVerifier,
  checkAlone,
  CLARA,
  filesOf,
  GARDEN,
  HOLIDAY,
  ILLNESS,
  SALARY,
  sampleLog,
  TALKS,
  type SampleLog,
} from "./sample-export.ts";

let folder = "";
let verifier = "";
const logs: SampleLog[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "export-"));
  verifier = await bundledVerifier(folder);
});

afterAll(async () => {
  for (const log of logs) await log.remove();
  await rm(folder, { recursive: true });
});

async function logOf(content: "plain" | "sealed"): Promise<SampleLog> {
  const log = await sampleLog({ content, verifier });
  logs.push(log);
  return log;
}

describe.each(["plain", "sealed"] as const)("one conversation of a %s log", (content) => {
  test.each(Object.keys(TALKS))(
    "%s is proven by node alone, with its text and nobody else's",
    async (chat) => {
      const { hand, identity, remove } = await logOf(content);
      const { out } = await hand(chat, "case", content === "sealed" ? ["--identity", identity] : []);
      const moved = join(folder, `${content}-${chat}`);
      await cp(out, moved, { recursive: true });
      await remove();
      const { exitCode, stdout, stderr } = await checkAlone(moved);
      expect({ exitCode, stdout, stderr }).toEqual({
        exitCode: 0,
        stdout: "PROVEN: 4 records, 4 with their text, 0 of which the text was removed\n",
        stderr: "",
      });
      const everything = Buffer.concat([...(await filesOf(moved)).values()]).toString("utf8");
      for (const [other, { user, prompt, reply }] of Object.entries(TALKS)) {
        const isShown = other === chat;
        for (const text of [prompt, reply]) expect(everything.includes(escaped(text)), text).toBe(isShown);
        expect(everything.includes(other), other).toBe(isShown);
        if (user !== TALKS[chat]?.user) expect(everything.includes(user), user).toBe(false);
      }
    },
  );
});

describe("of a sealed log", () => {
  test("without the identity no text goes along, and the records are proven all the same", async () => {
    const { hand, identity } = await logOf("sealed");
    const blind = await hand(ILLNESS, "blind");
    expect(blind).toMatchObject({ records: 4, texts: 0, keys: 1 });
    expect([...(await filesOf(blind.out)).keys()]).not.toContain("content.jsonl");
    expect(await checkAlone(blind.out)).toMatchObject({
      exitCode: 0,
      stdout: "PROVEN: 4 records, 0 with their text, 0 of which the text was removed\n",
    });
    const open = await hand(ILLNESS, "open", ["--identity", identity]);
    const [with_, without] = [await filesOf(open.out), await filesOf(blind.out)];
    // The positive control: what is looked for is there where it may be.
    expect(with_.get("content.jsonl")?.includes("operation")).toBe(true);
    expect(Buffer.concat([...without.values()]).includes("operation")).toBe(false);
    expect(without.get(RECORDS_FILE)).toEqual(with_.get(RECORDS_FILE));
    expect(without.get("keys.jsonl")).toEqual(with_.get("keys.jsonl"));
  });

  test("another person's identity opens nothing", async () => {
    const [log, other] = [await logOf("sealed"), await logOf("sealed")];
    expect(await log.hand(GARDEN, "case", ["--identity", other.identity])).toMatchObject({
      records: 4,
      texts: 0,
    });
  });

  test("the keys of a day are the owner's of these records alone", async () => {
    const { hand } = await logOf("sealed");
    const keys = (await filesOf((await hand(SALARY, "case")).out)).get("keys.jsonl")?.toString("utf8") ?? "";
    expect(keys.trimEnd().split("\n")).toHaveLength(1);
    expect(keys).not.toContain(ANNA);
    expect(keys).not.toContain(CLARA);
  });
});

describe("text that was removed", () => {
  test("is proven to have been ordered: the order goes along, and shows no other text", async () => {
    const { hand, log } = await logOf("plain");
    const purge = {
      selector: { by: "conversation", conversation: ILLNESS },
      reason: "case 12",
      by: "dpo",
    } as const;
    const { done } = await maintenanceOf(log).purge(purge);
    await log.checkpoint();
    const { out } = await hand(ILLNESS, "case");
    expect(await checkAlone(out)).toMatchObject({
      exitCode: 0,
      stdout: "PROVEN: 5 records, 0 with their text, 4 of which the text was removed\n",
    });
    const records = await readFile(join(out, RECORDS_FILE), "utf8");
    expect(records).toContain(`"by":${done?.orders[0]}}`);
    expect(records).toContain('"reason":"case 12"');
    for (const text of ["radishes", "joiner", "La Palma"]) expect(records).not.toContain(text);
  });

  test("by a tombstone that nobody ordered is not proven", async () => {
    const { hand } = await logOf("plain");
    const { out } = await hand(ILLNESS, "case");
    const path = join(out, RECORDS_FILE);
    const lines = (await readFile(path, "utf8")).split("\n");
    const seq = JSON.parse(lines[0] ?? "").seq;
    await writeFile(path, lines.with(1, `{"tombstone":${seq},"by":${seq + 40}}`).join("\n"));
    await rm(join(out, "content.jsonl"));
    const { exitCode, stdout } = await checkAlone(out);
    expect(exitCode).toBe(3);
    expect(stdout).toContain(
      `record ${seq}: its text is gone, and there is no record ${seq + 40} that says why`,
    );
  });

  test("by the order for another conversation is not proven", async () => {
    const { hand, log } = await logOf("plain");
    const purge = {
      selector: { by: "conversation", conversation: GARDEN },
      reason: "case 13",
      by: "dpo",
    } as const;
    const { done } = await maintenanceOf(log).purge(purge);
    const order = done?.orders[0] ?? -1;
    await log.checkpoint();
    const [garden, illness] = [await hand(GARDEN, "garden"), await hand(ILLNESS, "illness")];
    const path = join(illness.out, RECORDS_FILE);
    const lines = (await readFile(path, "utf8")).split("\n");
    const seq = JSON.parse(lines[0] ?? "").seq;
    const [orderLine] = (await readFile(join(garden.out, RECORDS_FILE), "utf8"))
      .split("\n")
      .filter((line) => line.includes('"type":"purge"'));
    const forged = [...lines.with(1, `{"tombstone":${seq},"by":${order}}`).slice(0, -1), orderLine, ""];
    await writeFile(path, forged.join("\n"));
    await cp(join(garden.out, proofFile(order)), join(illness.out, proofFile(order)));
    await rm(join(illness.out, "content.jsonl"));
    const { exitCode, stdout } = await checkAlone(illness.out);
    expect(exitCode).toBe(3);
    expect(stdout).toContain(`record ${seq}: its text is gone, and record ${order} does not say so`);
  });
});

describe("what is exported while the log goes on", () => {
  test("is proven under the log's newest key, and not under the one before", async () => {
    const { hand, log } = await logOf("plain");
    const before = await hand(HOLIDAY, "before");
    const old = (await readFile(join(before.out, "log-key"), "utf8")).trim();
    const renewed = await log.renewSigningKey();
    await converse(log, { user: ANNA, conversation: HOLIDAY }, { prompt: "and in May", reply: "at home" });
    await log.checkpoint();
    const { out } = await hand(HOLIDAY, "after");
    expect((await readFile(join(out, "log-key"), "utf8")).trim()).toBe(renewed);
    expect((await checkAlone(out)).stdout).toContain("PROVEN: 6 records, 6 with their text");
    const { exitCode, stdout } = await checkAlone(out, { key: old });
    expect(exitCode).toBe(3);
    expect(stdout).toContain("its checkpoint is not signed by the log's key");
    expect((await verifyLog(log.folder, { live: true })).verdict).toMatch(/^OK/);
  });

  test("is proven where a witness has signed the checkpoint as well", async () => {
    const at = await scratchFolder();
    const socket = `${at.log}.witness`;
    const witness = await serveWitness({ socket, folder: `${at.log}-witness` });
    const { log } = await openScratchLog(at, {}, { askWitness: witnessAt(socket) });
    await converse(log, { user: ANNA, conversation: ILLNESS }, { prompt: "hello", reply: "hello" });
    await log.checkpoint();
    const out = join(folder, "witnessed");
    const selector = { by: "conversation", conversation: ILLNESS } as const;
    await writeExport(
      at.log,
      { selector, out },
      { open: () => Promise.resolve(undefined), verifier: async () => await readFile(verifier, "utf8") },
    );
    expect((await readFile(join(out, proofFile(1)), "utf8")).match(/^— /gm)).toHaveLength(2);
    expect((await checkAlone(out)).exitCode).toBe(0);
    await log.close();
    await witness.close();
    await rm(join(at.log, ".."), { recursive: true });
  });

  test("is refused where no checkpoint has it yet, where nothing is meant, and where something lies already", async () => {
    const { hand, log, root } = await logOf("plain");
    const deps = { open: () => Promise.resolve(undefined), verifier: () => Promise.resolve("") };
    const selector = { by: "conversation", conversation: ILLNESS } as const;
    const { seq } = log.append({ type: "heartbeat" });
    const newest = { by: "seq", first: seq, last: seq } as const;
    await log.append({ type: "heartbeat" }).durable;
    const out = join(root, "early");
    await expect(writeExport(log.folder, { selector: newest, out }, deps)).rejects.toMatchObject({
      code: "NOT_CHECKPOINTED",
      exitCode: 9,
      fields: { seq },
    });
    const nobody = { by: "conversation", conversation: "9".repeat(32) } as const;
    await expect(writeExport(log.folder, { selector: nobody, out }, deps)).rejects.toMatchObject({
      code: "NOTHING_SELECTED",
      exitCode: 2,
    });
    // Neither of them has begun a folder.
    await writeExport(log.folder, { selector, out }, deps);
    await expect(hand(ILLNESS, "early")).rejects.toMatchObject({ code: "EXPORT_EXISTS", exitCode: 2 });
    await expect(
      runLog(root, ["export", "--seq", "0", "--out", "x", "--verifier", verifier]),
    ).resolves.toBeDefined();
  });
});

/** As it stands in a line of JSON. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
