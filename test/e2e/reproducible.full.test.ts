/** The whole tar from nothing but the locked inputs, all of llama.cpp compiled again: by somebody else, and by `cloister reproduce`. */
import { readdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { cloisterDone, openFolder } from "./checkout.ts";
import { firstDifference } from "./first-difference.ts";
import { inviteStranger } from "./stranger.ts";

let folder: string;

beforeAll(async () => {
  folder = await openFolder("cloister-reproducible-");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("another user with another umask, time zone, language and Node.js compiles and builds the same tar", async () => {
  const { home, store, conditions } = await inviteStranger(folder);
  expect(await readdir(store), "nothing that was made before").not.toContain("derived");
  const theirs = join(home, "theirs.tar");
  const jobs = String(availableParallelism() + 1);
  const build = ["build", "--model", inject("model"), "--out", theirs, "--jobs", jobs];
  await cloisterDone(build, conditions);
  expect(await firstDifference(inject("appliance"), theirs)).toBeUndefined();
  await exec("cmp", [inject("appliance"), theirs]);
});

test("cloister reproduce compiles again and finds every byte the same", async () => {
  const { stdout } = await cloisterDone(["reproduce", inject("appliance"), "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ whole: true, reuseCompiled: false });
});
