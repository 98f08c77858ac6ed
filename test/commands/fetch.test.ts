import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseRecipe, recipeDigest } from "../../src/builder/recipe/recipe.ts";
import { parseInvocation } from "../../src/cli/parse.ts";
import { fetchCommand } from "../../src/commands/fetch.ts";
import { readableJson, type Json } from "../../src/shared/canonical-json.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import { lockedPackage, lockOf } from "../builder/fetch/sample-lock.ts";
import { temporaryFolder } from "../builder/temporary.ts";
import { answerWith, startLoopback, type Loopback } from "../shared/loopback.ts";

let folder: string;
let server: Loopback;
beforeEach(async () => {
  folder = await temporaryFolder();
  server = await startLoopback((request, response) => {
    const [, name = ""] = /\/(\w+)_1\.0/.exec(decodeURIComponent(request.url ?? "")) ?? [];
    answerWith(Buffer.from(name))(request, response);
  });
  await write("carried", "");
  await write("drafted", "draft: true\n");
});
afterEach(() => server.close());

async function write(name: string, more: string): Promise<void> {
  const text = `format: 1\nname: ${name}\nkind: image\nsummary: Small\nsuites: [bookworm]\npackages: [${name}]\n${more}`;
  const recipe = recipeDigest(parseRecipe(text, name));
  const lock = lockOf([lockedPackage(name, Buffer.from(name))], { name, recipe });
  await mkdir(join(folder, "images", name), { recursive: true });
  await writeFile(join(folder, "images", name, "recipe.yaml"), text);
  await writeFile(join(folder, "images", name, "lock.json"), readableJson(lock satisfies Json));
}

async function fetched(...names: readonly string[]): Promise<readonly string[]> {
  const flags = ["--store", join(folder, "store"), "--images", join(folder, "images")];
  const words = ["fetch", ...names, ...flags, "--mirror", `debian=${server.url}`];
  const invocation = parseInvocation(words, [fetchCommand]);
  if (invocation.kind !== "run") throw new Error("expected a command to run");
  const { signal } = new AbortController();
  await invocation.command.run(invocation.input, {
    env: {},
    cwd: folder,
    reporter,
    signal,
    now: () => new Date(0),
  });
  return server.requests.map((path) => /\/(\w+)_1\.0/.exec(decodeURIComponent(path))?.[1] ?? path);
}

test("fetches what every lock names, but for drafts", async () => {
  expect(await fetched()).toEqual(["carried"]);
});

test("fetches what the lock of an image names, a draft's too", async () => {
  expect(await fetched("drafted")).toEqual(["drafted"]);
});

test("refuses a name that no recipe has", async () => {
  await expect(fetched("drafte")).rejects.toMatchObject({ code: "RECIPE_UNKNOWN", exitCode: 2 });
  expect(server.requests).toEqual([]);
});
