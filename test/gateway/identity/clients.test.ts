import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readClients } from "../../../src/gateway/identity/clients.ts";

const ONE = { id: "aider", sha256: "0".repeat(64) };

async function listOf(text: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "clients-")), "clients.json");
  await writeFile(path, text);
  return path;
}

describe("readClients", () => {
  test("reads ids and digests", async () => {
    expect(await readClients(await listOf(JSON.stringify([ONE])))).toEqual([ONE]);
  });

  test.each([
    "",
    "{}",
    "[1]",
    JSON.stringify([{ ...ONE, key: "in the clear" }]),
    JSON.stringify([{ ...ONE, sha256: "0" }]),
    JSON.stringify([{ ...ONE, id: "a b" }]),
  ])("refuses %j", async (text) => {
    const path = await listOf(text);
    await expect(readClients(path)).rejects.toMatchObject({
      class: "usage",
      code: "CLIENTS_INVALID",
      fields: { path },
    });
  });

  test("refuses a list that is missing", async () => {
    await expect(readClients("/nowhere/clients.json")).rejects.toMatchObject({ code: "CLIENTS_INVALID" });
  });
});
