import { describe, expect, test } from "vitest";
import { parseInvocation } from "../../src/cli/parse.ts";
import type { Command } from "../../src/commands/command.ts";

const pack: Command = {
  name: "pack",
  side: "workshop",
  summary: "packs",
  usage: "FILE [--out FILE] [--model FILE]…",
  options: {
    out: { type: "string", help: "where to", value: "FILE" },
    model: { type: "string", multiple: true, help: "what", value: "FILE" },
    force: { type: "boolean", help: "really" },
  },
  positionals: { minimum: 1, maximum: 1 },
  details: "",
  run: () => Promise.resolve({ data: null, text: "" }),
};
const hidden: Command = { ...pack, name: "inner", summary: "" };
const tail: Command = { ...pack, name: "log tail", positionals: { minimum: 0, maximum: 1 } };
const parse = (...words: string[]) => parseInvocation(words, [pack, hidden]);
const parseAll = (...words: string[]) => parseInvocation(words, [pack, hidden, tail]);

describe("parseInvocation", () => {
  test("hands a command its positionals, options and flags, and the global flags beside", () => {
    const invocation = parse("pack", "a", "--model", "m1", "--out=x", "--model", "m2", "--force", "--json");
    if (invocation.kind !== "run") throw new Error(invocation.kind);
    expect(invocation.command).toBe(pack);
    expect(invocation.flags).toEqual({ json: true, quiet: false });
    expect(invocation.input.positionals).toEqual(["a"]);
    expect(invocation.input.text("out")).toBe("x");
    expect(invocation.input.text("model")).toBe("m2");
    expect(invocation.input.list("model")).toEqual(["m1", "m2"]);
    expect(invocation.input.list("out")).toEqual(["x"]);
    expect([invocation.input.flag("force"), invocation.input.flag("nothing")]).toEqual([true, false]);
  });

  test("takes an option that was not given as undefined and an empty list", () => {
    const invocation = parse("pack", "a");
    if (invocation.kind !== "run") throw new Error(invocation.kind);
    expect([invocation.input.text("out"), invocation.input.list("model")]).toEqual([undefined, []]);
  });

  test.each([
    ["no word at all", []],
    ["--help", ["--help"]],
    ["help", ["help"]],
  ])("shows the overview for %s", (_, words) => {
    expect(parse(...words)).toEqual({ kind: "help" });
  });

  test("shows a command's help before it looks at its arguments", () => {
    expect(parse("help", "pack")).toEqual({ kind: "help", command: pack });
    expect(parse("pack", "--help")).toEqual({ kind: "help", command: pack });
    expect(parse("--version")).toEqual({ kind: "version" });
  });

  test.each([
    ["an unknown option", ["pack", "a", "--colour"], "--colour"],
    ["an option without its value", ["pack", "a", "--out"], "--out"],
    ["a flag with a value", ["pack", "a", "--force=yes"], "--force"],
    ["too few arguments", ["pack"], "0 arguments, expected 1"],
    ["too many arguments", ["pack", "a", "b"], "2 arguments, expected 1"],
  ])("refuses %s with USAGE and the usage line", (_, words, part) => {
    const error = thrownBy(() => parse(...words));
    expect(error).toMatchObject({
      class: "usage",
      code: "USAGE",
      exitCode: 2,
      hint: `cloister pack ${pack.usage}`,
    });
    expect(error).toHaveProperty("message", expect.stringContaining(part));
  });

  test("takes a verb of two words, and what follows as its own", () => {
    const invocation = parseAll("log", "tail", "a", "--force");
    if (invocation.kind !== "run") throw new Error(invocation.kind);
    expect(invocation.command).toBe(tail);
    expect(invocation.input.positionals).toEqual(["a"]);
    expect(invocation.input.flag("force")).toBe(true);
    expect(parseAll("log", "tail", "--help")).toEqual({ kind: "help", command: tail });
    expect(parseAll("help", "log", "tail")).toEqual({ kind: "help", command: tail });
  });

  test.each([[["log"]], [["log", "--help"]], [["help", "log"]]])(
    "shows what shares a first word for %s",
    (words) => {
      expect(parseAll(...words)).toEqual({ kind: "help", group: "log" });
    },
  );

  test("names the second words where one is unknown", () => {
    const error = thrownBy(() => parseAll("log", "tale"));
    expect(error).toMatchObject({ code: "VERB_UNKNOWN" });
    expect(error).toHaveProperty("message", 'Cannot do "log tale": no such verb, expected one of log tail');
  });

  test("refuses an unknown verb and names those that a person may call", () => {
    const error = thrownBy(() => parse("unpack"));
    expect(error).toMatchObject({ code: "VERB_UNKNOWN", exitCode: 2 });
    expect(error).toHaveProperty("message", 'Cannot do "unpack": no such verb, expected one of pack');
  });
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}
