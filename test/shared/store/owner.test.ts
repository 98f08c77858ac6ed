import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { isAlive, ownOwner } from "../../../src/shared/store/owner.ts";

async function fieldsOf(pid: string): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
}

describe("isAlive", () => {
  test("is true of this process, and of no other start of the same id", async () => {
    const own = await ownOwner();
    expect(own).toMatch(/^\d+-\d+$/);
    expect(await isAlive(own)).toBe(true);
    expect(await isAlive(`${process.pid}-1`)).toBe(false);
  });

  test("is false of what names no process", async () => {
    for (const owner of ["", "free", "1", "4194999-1", "x-y"]) expect(await isAlive(owner)).toBe(false);
  });

  test("is false of a process that has ended and whose parent never asks", async () => {
    const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [line] = await once(parent.stdout, "data");
      const pid = String(line).trim();
      const owner = `${pid}-${(await fieldsOf(pid))[19]}`;
      expect(await isAlive(owner)).toBe(true);
      process.kill(Number(pid), "SIGKILL");
      await expect.poll(async () => (await fieldsOf(pid))[0]).toBe("Z");
      expect(await isAlive(owner)).toBe(false);
    } finally {
      parent.kill("SIGKILL");
    }
  });
});
