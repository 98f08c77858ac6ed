/** The table of switches beside the wheel it was written for: a new version that reads or asks something else turns this red. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { CONFIGURED, parseSwitches, type Switches } from "../../../src/builder/recipe/switches.ts";
import { readPinnedWheel, type PinnedWheel } from "./pinned-wheel.ts";
import { hostsIn, isCode, isUnknownKind, readsVariable, sideOf } from "./sources.ts";

const PATH = join(import.meta.dirname, "../../../images/open-webui/switches.yaml");

let switches: Switches;
let wheel: PinnedWheel;
beforeAll(async () => {
  switches = parseSwitches(await readFile(PATH, "utf8"), PATH);
  wheel = await readPinnedWheel(isCode);
});

test("it was checked against the version that is locked", () => {
  expect(switches.component.version).toBe(wheel.version);
  expect(wheel.texts.size).toBeGreaterThan(4000);
});

test("the server reads each variable where the table says", () => {
  const unread = switches.variables.filter(
    ({ name, read }) => !readsVariable(wheel.texts.get(read) ?? "", name),
  );
  expect(unread.map(({ name, read }) => `${name} in ${read}`)).toEqual([]);
});

test("each host in what server and browser run has its row, or its reason to be inert; and none has one that is gone", () => {
  const places = new Map<string, string[]>();
  for (const [path, text] of wheel.texts)
    for (const host of hostsIn(text)) {
      const key = `${sideOf(path)} ${host}`;
      places.set(key, [...(places.get(key) ?? []), path]);
    }
  expect(places.size).toBeGreaterThan(150);
  const judged = new Set(
    [...switches.rows, ...switches.inert].flatMap(({ from, hosts }) =>
      hosts.map((host) => `${from} ${host}`),
    ),
  );
  const unexplained = [...places].filter(([key]) => !judged.has(key));
  expect(unexplained.map(([key, paths]) => `${key} in ${paths.slice(0, 3).join(", ")}`)).toEqual([]);
  expect([...judged].filter((key) => !key.endsWith(CONFIGURED) && !places.has(key))).toEqual([]);
});

test("the wheel has no kind of file that was never looked at", () => {
  expect(wheel.paths.filter(isUnknownKind)).toEqual([]);
});
