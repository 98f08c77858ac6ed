import { describe, expect, test } from "vitest";
import { environmentOf, parseSwitches } from "../../../src/builder/recipe/switches.ts";

const SAMPLE = `
format: 1
component: { project: sample, version: 1.2.3 }
variables:
  - { name: MODE, value: "off", read: sample/env.py }
  - { name: ADDRESS, given: "The gateway's address", value: "http://127.0.0.1:9", read: sample/env.py }
  - { name: SECRET, given: "What signs sessions", read: sample/env.py }
  - { name: LICENCE, unset: true, read: sample/env.py }
  - { name: HOME_PAGE, value: a=b, read: sample/env.py, because: "It has to be something" }
rows:
  - id: update check
    from: server
    hosts: [updates.example]
    trigger: "Somebody looks at the page"
    needed: [egress, dead button]
    closedBy: [MODE, LICENCE]
inert:
  - { from: browser, hosts: [updates.example], because: "A link that is clicked" }
`;

test("what is set becomes the environment, in the table's order; what is given or stays unset has no line", () => {
  const switches = parseSwitches(SAMPLE, "switches.yaml");
  expect(environmentOf(switches)).toEqual(["MODE=off", "ADDRESS=http://127.0.0.1:9", "HOME_PAGE=a=b"]);
});

describe("parseSwitches refuses", () => {
  const row = `  - { id: second, from: browser, hosts: [a.example], trigger: "It is looked at", needed: [egress]`;
  test.each([
    ["no YAML", SAMPLE.replace("format: 1", "format: ["), "Flow"],
    ["another format", SAMPLE.replace("format: 1", "format: 2"), "/format"],
    ["a field that there is not", SAMPLE.replace("format: 1", "format: 1\ncolour: blue"), '"colour"'],
    ["a value that YAML guesses about", SAMPLE.replace('value: "off"', "value: false"), "must be string"],
    ["a value of two lines", SAMPLE.replace('value: "off"', 'value: "a\\nB=c"'), "pattern"],
    ["a name that no environment has", SAMPLE.replace("name: SECRET", "name: secret"), "pattern"],
    ["a variable that does nothing", SAMPLE.replace(', given: "What signs sessions"', ""), "/variables/2"],
    ["one both set and unset", SAMPLE.replace("unset: true", "unset: true, value: x"), "/variables/3"],
    ["a file out of the component", SAMPLE.replace("sample/env.py", "/sample/env.py"), "pattern"],
    ["a row that nothing closes", SAMPLE.replace("inert:", `${row} }\ninert:`), "/rows/1"],
    ["a side that there is not", SAMPLE.replace("from: server", "from: kernel"), "/rows/0/from"],
    ["one variable twice", SAMPLE.replace("name: SECRET", "name: MODE"), '"MODE" stands twice'],
    [
      "one row twice",
      SAMPLE.replace(
        "inert:",
        `${row.replace("second", "update check")}, stays: "Nothing closes it" }\ninert:`,
      ),
      '"update check" stands twice',
    ],
    [
      "a row closed by what nobody declares",
      SAMPLE.replace("[MODE, ", "[MODE, OTHER, "),
      '"OTHER" is not declared',
    ],
    ["a variable without a reason", SAMPLE.replace("[MODE, ", "["), '"MODE" closes nothing'],
    [
      "a host both asked and inert",
      SAMPLE.replace("from: server", "from: browser"),
      '"browser updates.example" is both',
    ],
    [
      "an inert host twice",
      `${SAMPLE}  - { from: browser, hosts: [updates.example], because: "Said once more" }\n`,
      "stands twice",
    ],
  ])("%s", (_, text, why) => {
    const refusal = { code: "SWITCHES_INVALID", exitCode: 2, message: expect.stringContaining(why) };
    expect(() => parseSwitches(text, "switches.yaml")).toThrow(expect.objectContaining(refusal));
  });
});
