import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec, PLAIN_ENVIRONMENT } from "../../../src/shared/exec.ts";
import { temporaryFolder } from "../temporary.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const CHILD = join(import.meta.dirname, "determinism-child.ts");
const NEWER_NODE = join(REPOSITORY, "node_modules/node-newer/bin/node");

async function digestUnder(node: string, env: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  await exec(node, [CHILD, folder], { env: { ...PLAIN_ENVIRONMENT, ...env }, cwd: folder });
  return await readFile(join(folder, "digest"), "utf8");
}

test("an appliance has the same bytes under another umask, time zone, language, epoch, folder and Node", async () => {
  const plain = await digestUnder(process.execPath, {});
  expect(plain).toMatch(/^sha256:[0-9a-f]{64}$/);
  const other = { UMASK: "077", TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8", SOURCE_DATE_EPOCH: "1" };
  expect(await digestUnder(process.execPath, other)).toBe(plain);
  expect(await digestUnder(NEWER_NODE, { ...other, TZ: "America/Lima", UMASK: "000" })).toBe(plain);
});
