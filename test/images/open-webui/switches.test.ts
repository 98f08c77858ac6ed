/** The image beside its table of switches. After a change of the table: vitest run --project unit test/images/open-webui/switches.test.ts -u */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { imageConfig } from "../../../src/builder/image/config.ts";
import { readLock, type LockedRecipe } from "../../../src/builder/lock/read.ts";
import { parseSwitches, type Switches } from "../../../src/builder/recipe/switches.ts";
import { renderSwitches } from "./render-switches.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const IMAGES = join(REPOSITORY, "images");

let image: LockedRecipe;
let switches: Switches;
beforeAll(async () => {
  image = await readLock(IMAGES, "open-webui");
  const path = join(IMAGES, "open-webui/switches.yaml");
  switches = parseSwitches(await readFile(path, "utf8"), path);
});

function environment(): ReadonlyMap<string, string> {
  const { config } = image.recipe;
  if (config === undefined) throw new Error("The recipe has no config");
  const made = JSON.parse(JSON.stringify(imageConfig({ config, diffIds: [], epoch: 0 })));
  const lines: string[] = made.config.Env;
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

test("the image's environment is the table's values and what Python needs, and nothing else", () => {
  const own = ["PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "HOME", "LANG"];
  const found = environment();
  const set = switches.variables.flatMap(({ name, value }) => (value === undefined ? [] : [name]));
  expect([...found.keys()].toSorted()).toEqual([...own, ...set].toSorted());
  for (const { name, value } of switches.variables) expect(found.get(name), name).toBe(value);
  expect(set.length).toBeGreaterThan(60);
});

test("no value leads out of the container: each address is one that refuses", () => {
  const addresses = [...environment()].filter(([, value]) => /:\/\//.test(value));
  expect(addresses.length).toBeGreaterThan(6);
  for (const [name, value] of addresses) expect(value, name).toMatch(/^http:\/\/127\.0\.0\.1:9(?:\/v1)?$/);
});

test("the policy has each directive that a row counts on, and names no host", () => {
  const policy = environment().get("CONTENT_SECURITY_POLICY") ?? "";
  const directives = new Map(
    policy.split("; ").map((one) => [one.split(" ")[0] ?? "", one.split(" ").slice(1)]),
  );
  expect(directives.get("default-src")).toEqual(["'none'"]);
  const counted = new Set(switches.rows.flatMap((row) => row.policy ?? []));
  expect(counted.size).toBeGreaterThan(3);
  expect([...counted].filter((name) => !directives.has(name))).toEqual([]);
  const closed = /^(?:'(?:none|self|unsafe-inline|wasm-unsafe-eval)'|data:|blob:)$/;
  expect([...directives.values()].flat().filter((source) => !closed.test(source))).toEqual([]);
});

test("what a row counts on being left out is left out, with its reason, and not in the lock", () => {
  const counted = switches.rows.flatMap(({ leftOut = [] }) => leftOut);
  expect(counted.length).toBeGreaterThan(5);
  const omitted = (image.recipe.wheels?.omit ?? []).map((one) => one.package);
  expect(omitted).toEqual(expect.arrayContaining(counted));
  const locked = (image.lock.wheels?.files ?? []).map(({ project }) => project);
  expect(locked.filter((project) => counted.includes(project))).toEqual([]);
});

test("it is the table of what the recipe wants", () => {
  const { project, version } = switches.component;
  expect(image.recipe.wheels?.wanted).toEqual([expect.objectContaining({ project, version })]);
});

test("docs/ shows the table as it is", async () => {
  const shown = join(REPOSITORY, "docs/open-webui-switches.md");
  await expect(renderSwitches(switches)).toMatchFileSnapshot(shown);
});
