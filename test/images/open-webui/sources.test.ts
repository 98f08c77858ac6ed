import { describe, expect, test } from "vitest";
import { hostsIn, isCode, isUnknownKind, readsVariable } from "./sources.ts";

describe("readsVariable", () => {
  test.each([
    ["A = os.getenv('A', '')", true],
    ['A = os.environ.get("A")', true],
    ["A = (\n    os.getenv(\n        'A',\n        'x'))", true],
    ["A = os.environ['A']", true],
    ["if os.environ['A'] == 'x': pass", true],
    ["t = {\n    'A': set_a,\n}\nfor n, setter in t.items():\n    value = os.environ.get(n, None)", true],
    ["t = {\n    'A': set_a,\n}", false],
    ["os.environ['A'] = 'x'", false],
    ["# A = os.getenv('A', '')", false],
    ["A = os.getenv('AB', '')", false],
    ["A = config.get('A')", false],
    ["raise Exception('No A found in environment variables')", false],
    ["A = os.getenv('B', 'A')", false],
  ])("%j: %j", (source, expected) => {
    expect(readsVariable(source, "A")).toBe(expected);
  });
});

test.each([
  ["fetch('https://a.example/x')", ["a.example"]],
  ["u = `wss://${region}.a.example:8443?x`", ["*.a.example"]],
  ["f'https://user:word@a.example'", ["a.example"]],
  ['{"a": "http:\\/\\/a.example\\/b"}', ["a.example"]],
  ["f'http://{host}:{port}' + \"HTTPS://A.Example.\" + (https://a.example)", ["a.example"]],
  ["// no host", []],
])("the hosts in %j are %j", (text, expected) => {
  expect(hostsIn(text)).toEqual(expected);
});

test("a kind of file that nobody has judged is neither code nor none", () => {
  expect(["a/b.py", "a/b.mjs", "a/b.png", "a/README", "a/b.lua"].map(isCode)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(["a/b.py", "a/b.png", "a/README", "a/b.lua", "a/b"].map(isUnknownKind)).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
});
