import { appendFile, readFile, readdir, rename, rm, truncate, writeFile, cp } from "node:fs/promises";
import { join } from "node:path";
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";
import { segmentPath } from "../../../src/audit/layout.ts";
import { readKey } from "../../../src/audit/notes/keys.ts";
import { parsePayloadLine, openSealed, matchesCommitment } from "../../../src/audit/payload.ts";
import { readWrappedKeys } from "../../../src/audit/seal.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { witnessAt, type AskWitness } from "../../../src/audit/write/ask-witness.ts";
import type { OpenedLog } from "../../../src/audit/write/open-log.ts";
import { serveWitness } from "../../../src/witness/serve.ts";
import { answer, request, text } from "./entries.ts";
import { readPayloadLines, readRecords } from "./read-back.ts";
import { openScratchLog, scratchFolder } from "./scratch-log.ts";

const types = async (log: string) => (await readRecords(log)).map(({ type }) => type);

describe("a log that is opened, written and closed", () => {
  test("begins with open, ends with stop and seal, and every record names the one before", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    const asked = log.append(request("a"), text("hello"));
    await asked.durable;
    await log.append(answer("a", asked.seq), text("world")).durable;
    await log.close();
    const records = await readRecords(at.log);
    expect(records.map(({ type }) => type)).toEqual(["open", "req", "res", "stop", "seal"]);
    expect(records.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
    expect(records.at(-1)).toMatchObject({ records: 5, reason: "stop" });
    expect(new Set(records.map(({ prev }) => prev)).size).toBe(5);
    expect((await readPayloadLines(at.log)).map((line) => JSON.parse(line).text)).toEqual(["hello", "world"]);
  });

  test("goes on where the one before ended", async () => {
    const at = await scratchFolder();
    await (await openScratchLog(at)).log.close();
    await (await openScratchLog(at)).log.close();
    expect((await readRecords(at.log)).map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await readdir(join(at.log, "ledger"))).length).toBe(2);
  });

  test("is not opened twice, and is free again after the first has let it go", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    await expect(openScratchLog(at)).rejects.toMatchObject({ code: "LOG_BUSY" });
    await log.close();
    await (await openScratchLog(at)).log.close();
  });
});

describe("what a crash leaves", () => {
  test("a torn ledger line is cut off, recorded, and its request is abandoned only where it was whole", async () => {
    const at = await crashed((log) => log.append(request("a"), text("hello")).durable);
    const path = join(at.log, "ledger", await newestSegment(at.log));
    await appendFile(path, '{"v":1,"seq":2,"prev":"');
    await (await openScratchLog(at)).log.close();
    const records = await readRecords(at.log);
    expect(records.map(({ type }) => type)).toEqual([
      "open",
      "req",
      "recover",
      "abandon",
      "seal",
      "open",
      "stop",
      "seal",
    ]);
    expect(records[2]).toMatchObject({ type: "recover", bytes: 23 });
    expect(records[3]).toMatchObject({ type: "abandon", id: "a", req: 1 });
  });

  test("a record whose payload line is torn goes with it", async () => {
    const at = await crashed((log) => log.append(request("a"), text("hello")).durable);
    const path = join(at.log, "ledger", await newestSegment(at.log));
    await truncate(path, (await readFile(path)).length - 5);
    await (await openScratchLog(at)).log.close();
    expect(await types(at.log)).toEqual(["open", "recover", "seal", "open", "stop", "seal"]);
  });

  test.each([
    ["nothing", ""],
    ["a torn first line", '{"v":1,"seq":'],
  ])(
    "a segment that was begun with %s is taken away, with a record, and the log verifies",
    async (_, left) => {
      const at = await scratchFolder();
      await (await openScratchLog(at)).log.close();
      const [day = ""] = (await newestSegment(at.log)).split(".");
      await writeFile(join(at.log, "ledger", `${day}.001.jsonl`), left);
      await (await openScratchLog(at)).log.close();
      const recover = (await readRecords(at.log)).find(({ type }) => type === "recover");
      expect(recover).toMatchObject({ segment: `${day}.001`, bytes: left.length });
      expect(await verifyLog(at.log)).toMatchObject({ verdict: "OK" });
    },
  );

  test("a request of an earlier segment that still waited is abandoned", async () => {
    const at = await crashed(async (log) => {
      log.append(request("long"), text("hello"));
      await log.rotate("verb");
      await log.rotate("verb");
      await log.append({ type: "heartbeat" }).durable;
    });
    await (await openScratchLog(at)).log.close();
    expect((await readRecords(at.log)).find(({ type }) => type === "abandon")).toMatchObject({
      id: "long",
      req: 1,
    });
  });

  test.each([
    [
      "a changed byte in the middle",
      (bytes: Buffer) => Buffer.from(bytes.toString().replace('"id":"a"', '"id":"b"')),
    ],
    [
      "a line that is gone",
      (bytes: Buffer) => Buffer.from(bytes.toString().split("\n").toSpliced(1, 2).join("\n")),
    ],
  ])("%s is not mended: the log is not opened", async (_, change) => {
    const at = await crashed(async (log) => {
      log.append(request("a"), text("hello"));
      await log.append({ type: "heartbeat" }).durable;
    });
    const path = join(at.log, "ledger", await newestSegment(at.log));
    await writeFile(path, change(await readFile(path)));
    await expect(openScratchLog(at)).rejects.toMatchObject({ code: "LOG_DAMAGED" });
  });

  test("fewer records than the last checkpoint has are not mended", async () => {
    const at = await crashed(async (log) => {
      await log.append({ type: "heartbeat" }).durable;
      await log.checkpoint();
    });
    const path = join(at.log, "ledger", await newestSegment(at.log));
    const [first] = (await readFile(path, "utf8")).split("\n");
    await writeFile(path, `${first}\n`);
    await expect(openScratchLog(at)).rejects.toMatchObject({ code: "LOG_DAMAGED" });
  });
});

describe("rotation", () => {
  test("at midnight of the zone, in the midst of a request, and never back", async () => {
    const at = await scratchFolder();
    let now = Date.parse("2026-03-28T22:59:58Z");
    const { log } = await openScratchLog(at, { zone: "Europe/Berlin" }, { now: () => now });
    const asked = log.append(request("a"), text("before"));
    now = Date.parse("2026-03-28T23:00:01Z");
    log.append(answer("a", asked.seq), text("after"));
    now = Date.parse("2026-03-27T12:00:00Z");
    log.append({ type: "heartbeat" });
    await log.close();
    const segments = (await readRecords(at.log)).filter(({ type }) => type === "open");
    expect(segments).toMatchObject([
      { segment: "2026-03-28.000", inFlight: 0 },
      { segment: "2026-03-29.000", inFlight: 1 },
    ]);
    expect(await types(at.log)).toEqual([
      "open",
      "req",
      "seal",
      "open",
      "res",
      "clock",
      "heartbeat",
      "stop",
      "seal",
    ]);
  });

  test("by size; the sealed one is compressed and reads the same", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at, { maxSegmentBytes: 4096 });
    for (let index = 0; index < 40; index += 1) log.append(request(`r${index}`), text("x".repeat(200)));
    await log.close();
    const names = await readdir(join(at.log, "ledger"));
    expect(names.filter((name) => name.endsWith(".zst")).length).toBeGreaterThan(3);
    expect((await readRecords(at.log)).map(({ seq }, index) => seq - index).every((gap) => gap === 0)).toBe(
      true,
    );
  });
});

describe("a file that is no longer ours", () => {
  test.each([
    ["deleted", async (path: string) => rm(path)],
    [
      "replaced by a copy",
      async (path: string) => {
        await cp(path, `${path}.copy`);
        await rename(`${path}.copy`, path);
      },
    ],
    ["cut", async (path: string) => truncate(path, 10)],
    ["written to", async (path: string) => appendFile(path, "x")],
  ])("%s: the append fails, and every later one", async (_, harm) => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    await log.append({ type: "heartbeat" }).durable;
    await harm(segmentPath(at.log, log.status().segment));
    await expect(log.append({ type: "heartbeat" }).durable).rejects.toMatchObject({ code: "LOG_UNWRITABLE" });
    expect(() => log.append({ type: "heartbeat" })).toThrow(
      expect.objectContaining({ code: "LOG_UNWRITABLE" }),
    );
    expect(log.state()).toMatchObject({ kind: "closed" });
    await log.close();
  });

  test("writer.sock taken away: nothing is written any more", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at);
    await rm(join(at.log, "writer.sock"));
    await expect(log.append({ type: "heartbeat" }).durable).rejects.toMatchObject({ code: "LOG_UNWRITABLE" });
    await log.close();
  });
});

describe("sealed content", () => {
  test("is opened with what the operator unwraps, and is bound to its record", async () => {
    const at = await scratchFolder();
    const identity = await generateX25519Identity();
    const recipients = [await identityToRecipient(identity)];
    const { log } = await openScratchLog(at, { content: "sealed", recipients });
    const key = await log.contentKey("someone");
    const secret = "my secret prompt ".repeat(50);
    await log.append(request("a"), { bytes: Buffer.from(secret), key }).durable;
    await log.close();
    const [line] = await readPayloadLines(at.log);
    expect(line).not.toContain("secret");
    const sealed = parsePayloadLine(Buffer.from(line ?? ""));
    const [wrapped] = await readWrappedKeys(at.log, key.id.slice(0, 10));
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const raw = await decrypter.decrypt(Buffer.from(wrapped?.wrapped ?? "", "base64"));
    if (sealed.kind !== "sealed") throw new Error(sealed.kind);
    const opened = openSealed(sealed, raw);
    expect(Buffer.from(opened.bytes).toString()).toBe(secret);
    const record = (await readRecords(at.log)).find(({ type }) => type === "req");
    if (record?.type !== "req" || record.payload === undefined) throw new Error("no payload");
    expect(matchesCommitment(opened, record.payload)).toBe(true);
    expect(() => openSealed({ ...sealed, seq: sealed.seq + 1 }, raw)).toThrow(
      expect.objectContaining({ code: "PAYLOAD_UNREADABLE" }),
    );
  });
});

describe("with a witness", () => {
  test("checkpoints are cosigned, and a log that was rolled back is not opened again", async () => {
    const at = await scratchFolder();
    const socket = `${at.log}.witness.sock`;
    const witness = await serveWitness({ socket, folder: `${at.log}.witness` });
    const askWitness = witnessAt(socket);
    await (await openScratchLog(at, {}, { askWitness })).log.close();
    await cp(at.log, `${at.log}.backup`, { recursive: true });
    const { log } = await openScratchLog(at, {}, { askWitness });
    await log.append({ type: "heartbeat" }).durable;
    await log.close();
    expect(log.status().cosignedSize).toBe(log.status().nextSeq);
    await rm(at.log, { recursive: true });
    await rename(`${at.log}.backup`, at.log);
    await expect(openScratchLog(at, {}, { askWitness })).rejects.toMatchObject({ code: "LOG_ROLLED_BACK" });
    await witness.close();
  });

  test.each([
    [
      "rolled back behind a new key, with its keys",
      async (log: OpenedLog["log"]) => await log.renewSigningKey(),
    ],
    [
      "rolled back and written on in another way",
      async (log: OpenedLog["log"]) => await log.append({ type: "heartbeat" }).durable,
    ],
  ])("a log that was %s is not opened again", async (_, change) => {
    const at = await scratchFolder();
    const socket = `${at.log}.witness.sock`;
    const witness = await serveWitness({ socket, folder: `${at.log}.witness` });
    const askWitness = witnessAt(socket);
    await (await openScratchLog(at, {}, { askWitness })).log.close();
    const backup = { log: `${at.log}.backup`, keys: `${at.keys}.backup` };
    await cp(at.log, backup.log, { recursive: true });
    await cp(at.keys, backup.keys);
    const { log } = await openScratchLog(at, {}, { askWitness });
    await change(log);
    await log.close();
    // Without a witness it grows beyond what the witness has seen.
    for (let round = 0; round < 5; round += 1) await (await openScratchLog(backup)).log.close();
    await expect(openScratchLog(backup, {}, { askWitness })).rejects.toMatchObject({
      class: "integrity",
      code: "LOG_FORKED",
    });
    await witness.close();
  });

  test("that is away the log goes on, and says so once", async () => {
    const at = await scratchFolder();
    const { log } = await openScratchLog(at, {}, { askWitness: witnessAt(`${at.log}.nobody`) });
    await log.checkpoint();
    await log.append({ type: "heartbeat" }).durable;
    await log.checkpoint();
    await log.close();
    expect((await types(at.log)).filter((type) => type === "witness")).toHaveLength(1);
  });

  test.each([
    ["nobody", undefined],
    ["something that is no signature", "cloister\n\nno signature\n"],
  ])("that is %s, no key is handed over, and the checkpoints stay readable", async (_, line) => {
    const at = await scratchFolder();
    const askWitness = async () =>
      line === undefined
        ? ({ kind: "unreachable", why: "nobody listens" } as const)
        : ({ kind: "cosigned", line } as const);
    const { log } = await openScratchLog(at, {}, { askWitness });
    await expect(log.renewSigningKey()).rejects.toMatchObject({ code: "WITNESS_AWAY" });
    await log.close();
    expect(log.status().cosignedSize).toBe(0);
    await (await openScratchLog(at)).log.close();
    expect((await readRecords(at.log)).some(({ type }) => type === "key")).toBe(false);
  });

  test("a new signing key is vouched for, and the witness follows", async () => {
    const at = await scratchFolder();
    const socket = `${at.log}.witness.sock`;
    const witness = await serveWitness({ socket, folder: `${at.log}.witness` });
    const { log } = await openScratchLog(at, {}, { askWitness: witnessAt(socket) });
    await log.renewSigningKey();
    await log.append({ type: "heartbeat" }).durable;
    await log.close();
    expect(log.status().cosignedSize).toBe(log.status().nextSeq);
    await witness.close();
  });

  test("that goes away while a key is handed over follows after the log was stopped, killed or neither", async () => {
    const at = await scratchFolder();
    const socket = `${at.log}.witness.sock`;
    const witness = await serveWitness({ socket, folder: `${at.log}.witness` });
    let isAway = false;
    const askWitness: AskWitness = async (...asked) => {
      // Once the key's record is there, and before the first checkpoint of the new key.
      isAway ||= (await types(at.log)).includes("key");
      return isAway ? { kind: "unreachable", why: "away" } : await witnessAt(socket)(...asked);
    };
    const { log } = await openScratchLog(at, {}, { askWitness });
    await log.renewSigningKey();
    await log.append({ type: "heartbeat" }).durable;
    await log.checkpoint();
    const killed = { log: `${at.log}.killed`, keys: `${at.keys}.killed` };
    await cp(at.log, killed.log, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    for (const name of ["", ".next"]) await cp(`${at.keys}${name}`, `${killed.keys}${name}`);
    await log.close();
    expect(log.status().cosignedSize).toBeLessThan(log.status().checkpointSize);
    for (const one of [killed, at]) {
      const memory = `${one.log}.memory`;
      await cp(`${at.log}.witness`, memory, { recursive: true });
      const back = await serveWitness({ socket: `${memory}.sock`, folder: memory });
      const again = await openScratchLog(one, {}, { askWitness: witnessAt(`${memory}.sock`) });
      await again.log.append({ type: "heartbeat" }).durable;
      await again.log.close();
      const { cosignedSize, nextSeq } = again.log.status();
      expect(cosignedSize).toBe(nextSeq);
      expect(await readKey(`${one.keys}.next`)).toBeUndefined();
      expect((await verifyLog(one.log, {})).verdict).toMatch(/^OK/);
      await back.close();
    }
    await witness.close();
  });
});

/** A log as a process leaves it that is killed: what was durable is there, nothing else. */
async function crashed(write: (log: OpenedLog["log"]) => Promise<unknown>) {
  const at = await scratchFolder();
  const { log } = await openScratchLog(at);
  await write(log);
  const dead = await scratchFolder();
  await cp(at.log, dead.log, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  await cp(at.keys, dead.keys);
  await log.close();
  return dead;
}

async function newestSegment(log: string): Promise<string> {
  return (
    (await readdir(join(log, "ledger")))
      .filter((name) => name.endsWith(".jsonl"))
      .sort()
      .at(-1) ?? ""
  );
}
