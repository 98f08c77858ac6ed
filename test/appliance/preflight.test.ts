import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { assertFit, type PreflightInput } from "../../src/appliance/preflight.ts";
import { parseApplianceManifest } from "../../src/shared/appliance/manifest.ts";
import type { AppError } from "../../src/shared/errors.ts";
import { temporaryFolder } from "../builder/temporary.ts";
import { smallFiles } from "./carried.ts";

const ENGINE = {
  version: "20.10.24",
  apiVersion: "1.41",
  architecture: "amd64",
  store: "graph driver",
} as const;

let manifest: PreflightInput["manifest"];
let folder: string;
beforeAll(async () => {
  const text = (await smallFiles()).get("appliance.json")?.toString() ?? "";
  manifest = parseApplianceManifest(text, "appliance.json");
});
beforeEach(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder, "state"));
});

async function faultsOf(change: Partial<PreflightInput>): Promise<readonly string[]> {
  const engine = { ...ENGINE, dataRoot: folder };
  const stateRoot = join(folder, "state");
  try {
    await assertFit({ manifest, engine, stateRoot, stateBytes: 1, ...change });
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: "NOT_FIT", exitCode: 5 });
    return (error as AppError).fields["faults"] as readonly string[];
  }
}

function needing(imageBytes: number): PreflightInput["manifest"] {
  return { ...manifest, totals: { ...manifest.totals, imageBytes } };
}

async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

test("assertFit takes a host that has what is needed, also where it cannot see the engine's disk", async () => {
  expect(await faultsOf({})).toEqual([]);
  expect(await faultsOf({ engine: { ...ENGINE, dataRoot: "/nowhere" } })).toEqual([]);
  expect(await faultsOf({ engine: { ...ENGINE, dataRoot: "" } })).toEqual([]);
});

test.each(["1.41", "1.100", "2.0"])("assertFit takes API %s where 1.41 is needed", async (apiVersion) => {
  expect(await faultsOf({ engine: { ...ENGINE, dataRoot: folder, apiVersion } })).toEqual([]);
});

test.each(["1.40", "1.5", "0.99"])("assertFit refuses API %s where 1.41 is needed", async (apiVersion) => {
  expect(await faultsOf({ engine: { ...ENGINE, dataRoot: folder, apiVersion } })).toEqual([
    `the engine speaks API ${apiVersion}, expected at least 1.41`,
  ]);
});

test("assertFit names everything that is missing at once", async () => {
  const faults = await faultsOf({
    manifest: needing(1e18),
    engine: { ...ENGINE, dataRoot: folder, apiVersion: "1.24", architecture: "arm64" },
    stateRoot: join(folder, "long".repeat(30)),
  });
  expect(faults).toHaveLength(4);
  expect(faults.join()).toMatch(/API 1\.24.*arm64, expected amd64.*socket path.*bytes free/);
});

test("assertFit refuses a disk that is too small for state or engine", async () => {
  expect(await faultsOf({ stateBytes: 1e18 })).toHaveLength(1);
  expect(await faultsOf({ manifest: needing(1e18) })).toHaveLength(1);
});

test("assertFit adds up what state and engine need where they share a disk", async () => {
  const half = Math.floor((await freeBytes()) * 0.6);
  expect(await faultsOf({ stateBytes: half })).toEqual([]);
  expect(await faultsOf({ manifest: needing(half / 2) })).toEqual([]);
  const [fault] = await faultsOf({ stateBytes: half, manifest: needing(half / 2) });
  expect(fault).toContain(`"${join(folder, "state")}" and "${folder}"`);
});

test.each(["a:b", "a\nb"])("assertFit refuses the state folder %j", async (name) => {
  const stateRoot = join(folder, name);
  await mkdir(stateRoot);
  expect((await faultsOf({ stateRoot })).join()).toMatch(/^the path of the state folder has "(:|\\n)" in it/);
});
