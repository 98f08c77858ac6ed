/** What a newcomer types, from a clone somewhere, and what is left of it, however it ends. */
import { access, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { engineAddressOf } from "../../src/world/engine-process.ts";
import { createWorld } from "../../src/world/world.ts";
import { leftoversOf, NOTHING, tracesOf, type Traces } from "../world/leftovers.ts";
import { copyCheckout, openFolder, start, watchLines } from "./checkout.ts";

const ANSWER = "Hello from a tiny model.\n";

let folder: string;
let cwd: string;
let checkout: string;

beforeAll(async () => {
  folder = await openFolder("cloister-demo-");
  checkout = await copyCheckout(join(folder, "clone"));
  cwd = join(folder, "somewhere");
  await mkdir(cwd);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("cloister demo, from a clone and started in another folder without a terminal", () => {
  test("ends well: the one answer, no packet outside but the twin's, every check passed; results, and nothing else, left", async () => {
    const demo = begin("--out", "results");
    await demo.says("== cloister load");
    const traces = await tracesOf(demo.id);
    const { exitCode, stdout, stderr } = await demo.child;
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain(`-> ${JSON.stringify(ANSWER)}`);
    expect(stdout).toMatch(/^sealed +0 packets reached the outside$/m);
    expect(stdout).toMatch(/^twin +from an open network its nonce reached .*packet/m);
    expect(stdout).toMatch(/^PASS: (?:4\d|[5-9]\d) pass, 0 fail, 0 inconclusive;/m);
    expect(stdout).not.toMatch(/^(?:FAIL|INCONCLUSIVE)/m);
    await expectResults(join(cwd, "results"));
    expect(await readdir(cwd)).toEqual(["results"]);
    expect(await leftoversOf(traces)).toEqual(NOTHING);
  });

  test("with --json prints one document that says the same", async () => {
    const demo = begin("--out", "json", "--json");
    const { exitCode, stdout, stderr } = await demo.child;
    expect(exitCode, `${stderr}${stdout}`).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      chat: { answer: ANSWER },
      verify: { verdict: "pass" },
      outside: { verdict: "pass", sealed: 0, leaks: [] },
      out: join(cwd, "json"),
    });
  });
});

describe("cloister demo, broken off while it looks into the container", () => {
  test("by TERM takes everything away and says so with 130", async () => {
    const { demo, traces } = await beginAndVerify();
    demo.child.kill("SIGTERM");
    const { exitCode, stderr } = await demo.child;
    expect(exitCode, stderr).toBe(130);
    expect(stderr).toMatch(/^cloister: Interrupted; what was half done was taken back$/m);
    expect(await leftoversOf(traces)).toEqual(NOTHING);
  });

  test("by KILL leaves what the next world takes away", async () => {
    const { demo, traces } = await beginAndVerify();
    demo.child.kill("SIGKILL");
    await demo.child;
    const next = await createWorld({ engine: false });
    await next.destroy();
    expect(await leftoversOf(traces)).toEqual(NOTHING);
  });
});

function begin(...args: readonly string[]) {
  const child = start("cloister", ["demo", ...args], { checkout, cwd, timeoutMs: 900_000 });
  return {
    child,
    /** A world is named for the process that makes it. */
    id: `${child.pid}-1`,
    ...watchLines(child),
  };
}

/** To the point where the companion looks into the container, which is the positive control for what is gone later. */
async function beginAndVerify(): Promise<{ demo: ReturnType<typeof begin>; traces: Traces }> {
  const demo = begin("--out", "broken");
  await demo.says("== cloister verify");
  const traces = await tracesOf(demo.id);
  const containers = async () => (await docker(demo.id, "ps", "--quiet")).split("\n").length;
  // Model, gateway and witness, and somebody who looks into one of them.
  await expect.poll(containers, { timeout: 60_000 }).toBeGreaterThan(3);
  const there = await leftoversOf(traces);
  expect(there.namespaces).toHaveLength(2);
  expect(there.processes.length).toBeGreaterThan(4);
  expect(there.mounts.length).toBeGreaterThan(0);
  expect(there.folder).toBe(true);
  return { demo, traces };
}

async function docker(id: string, ...args: readonly string[]): Promise<string> {
  return (await exec("docker", ["-H", engineAddressOf(id), ...args])).stdout.trim();
}

async function expectResults(out: string): Promise<void> {
  const report = JSON.parse(await readFile(join(out, "verify.json"), "utf8"));
  expect(report).toMatchObject({ verdict: "pass" });
  const verdicts: readonly string[] = report.checks.map((check: { verdict: string }) => check.verdict);
  expect(verdicts.length).toBeGreaterThan(40);
  expect(verdicts.filter((verdict) => verdict !== "pass")).toEqual([]);
  await exec("xmllint", ["--noout", join(out, "verify.xml")]);
  expect(await readFile(join(out, "verify.xml"), "utf8")).toMatch(/<testsuites?[^>]* failures="0"/);

  const [tar = "", ...others] = (await readdir(out)).filter((name) => name.endsWith(".tar"));
  expect(others).toEqual([]);
  const unpacked = join(out, "unpacked");
  await mkdir(unpacked);
  await exec("tar", ["-xf", join(out, tar), "-C", unpacked]);
  await exec("sha256sum", ["-c", "--strict", "--quiet", "SHA256SUMS"], { cwd: unpacked });
  for (const name of [
    "SHA256SUMS",
    "SBOM/appliance.cdx.json",
    "SBOM/llama-cpp.cdx.json",
    "SBOM/gateway.cdx.json",
  ]) {
    await access(join(out, name));
    await exec("cmp", [join(out, name), join(unpacked, name)]);
  }
  await rm(unpacked, { recursive: true });
}
