import { appendFile, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keysPath } from "../../src/audit/layout.ts";
import { PLAIN_KEY } from "../../src/audit/payload.ts";
import { createSealer, readWrappedKeys, type Sealer } from "../../src/audit/seal.ts";

const TODAY = "2026-11-25";
const TOMORROW = "2026-11-26";

let folder = "";
let day = TODAY;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "seal-"));
  day = TODAY;
});
afterEach(async () => await rm(folder, { recursive: true }));

function sealerFor(
  recipients: readonly string[],
  content: "sealed" | "plain" | "session" = "sealed",
): Sealer {
  return createSealer({ folder, content, recipients, today: () => day });
}

async function reader(): Promise<{ readonly recipient: string; readonly identity: string }> {
  const identity = await generateX25519Identity();
  return { recipient: await identityToRecipient(identity), identity };
}

async function unwrap(identity: string, wrapped: string): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return Buffer.from(await decrypter.decrypt(Buffer.from(wrapped, "base64")));
}

describe("content keys", () => {
  test("are one of each owner and day, however many ask at once", async () => {
    const { recipient } = await reader();
    const sealer = sealerFor([recipient]);
    const asked = Array.from({ length: 40 }, async (_, index) => await sealer.key(`owner ${index % 4}`));
    const ids = (await Promise.all(asked)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    expect(ids.every((id) => id.startsWith(`${TODAY}.`))).toBe(true);
    day = TOMORROW;
    expect((await sealer.key("owner 0")).id).toMatch(/^2026-11-26\./);
    const wrapped = await readWrappedKeys(folder, TODAY);
    expect(wrapped.map(({ owner }) => owner).sort()).toEqual(["owner 0", "owner 1", "owner 2", "owner 3"]);
    expect(await readWrappedKeys(folder, TOMORROW)).toHaveLength(1);
  });

  test("are on the disk for every recipient, and in no form that anybody else can read", async () => {
    const [one, two, other] = [await reader(), await reader(), await reader()];
    const { id, secret } = await sealerFor([one.recipient, two.recipient]).key("anna");
    const [wrapped] = await readWrappedKeys(folder, TODAY);
    expect(wrapped).toMatchObject({ key: id, owner: "anna" });
    const text = wrapped?.wrapped ?? "";
    expect(await unwrap(one.identity, text)).toEqual(secret);
    expect(await unwrap(two.identity, text)).toEqual(secret);
    await expect(unwrap(other.identity, text)).rejects.toThrow();
    const file = await readFile(keysPath(folder, TODAY));
    const [raw, hex] = [Buffer.from(secret ?? []), Buffer.from(secret ?? []).toString("hex")];
    for (const form of [raw, hex, raw.toString("base64")]) expect(file.includes(form)).toBe(false);
    expect((await stat(keysPath(folder, TODAY))).mode & 0o777).toBe(0o600);
  });

  test("of two starts on one day differ, and both stay readable", async () => {
    const { recipient } = await reader();
    const [first, second] = [
      await sealerFor([recipient]).key("anna"),
      await sealerFor([recipient]).key("anna"),
    ];
    expect(second.id).not.toBe(first.id);
    expect((await readWrappedKeys(folder, TODAY)).map(({ key }) => key)).toEqual([first.id, second.id]);
  });

  test("begin a line of their own after one that a crash cut off", async () => {
    const { recipient } = await reader();
    const first = await sealerFor([recipient]).key("anna");
    await appendFile(keysPath(folder, TODAY), '{"key":"2026-11-25.cut","owner":"be');
    const second = await sealerFor([recipient]).key("bert");
    expect((await readWrappedKeys(folder, TODAY)).map(({ key }) => key)).toEqual([first.id, second.id]);
  });

  test("that were dropped are gone from the disk, and are not used again", async () => {
    const { recipient } = await reader();
    const sealer = sealerFor([recipient]);
    const [anna, bert] = [await sealer.key("anna"), await sealer.key("bert")];
    expect(await sealer.dropKeys(TODAY, new Set([anna.id, "2026-11-25.unknown"]))).toBe(1);
    expect(await sealer.dropKeys(TODAY, new Set([anna.id]))).toBe(0);
    expect(await readFile(keysPath(folder, TODAY), "utf8")).not.toContain(anna.id);
    expect((await sealer.key("anna")).id).not.toBe(anna.id);
    expect((await sealer.key("bert")).id).toBe(bert.id);
    expect(await sealer.dropKeys(TOMORROW, new Set([bert.id]))).toBe(0);
  });

  test("of a session are never written", async () => {
    const sealer = sealerFor([], "session");
    const { id, secret } = await sealer.key("anna");
    expect(secret).toHaveLength(32);
    expect((await sealer.key("anna")).id).toBe(id);
    expect(await readdir(folder)).toEqual([]);
  });

  test("of a plain log are none", async () => {
    expect(await sealerFor([], "plain").key("anna")).toBe(PLAIN_KEY);
    expect(await readdir(folder)).toEqual([]);
  });
});

test.each(["", "age1", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1"])("nothing is sealed to %j", (recipient) => {
  expect(() => sealerFor([recipient])).toThrow(
    expect.objectContaining({ code: "RECIPIENT_INVALID", exitCode: 2 }),
  );
});

test("a key that could not be written is not handed out, and the next call makes another", async () => {
  const { recipient } = await reader();
  const sealer = sealerFor([recipient]);
  await rm(folder, { recursive: true });
  await appendFile(folder, "a file stands where the folder should be");
  await expect(sealer.key("anna")).rejects.toMatchObject({ code: "ENOTDIR" });
  await rm(folder);
  const { id } = await sealer.key("anna");
  expect((await readWrappedKeys(folder, TODAY)).map(({ key }) => key)).toEqual([id]);
});
