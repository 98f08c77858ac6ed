import { describe, expect, test } from "vitest";
import { parseInvocation } from "../../src/cli/parse.ts";
import { buildCommand } from "../../src/commands/build.ts";
import { reproduceCommand } from "../../src/commands/reproduce.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import { temporaryFolder } from "../builder/temporary.ts";

async function run(words: readonly string[]) {
  const folder = await temporaryFolder();
  const invocation = parseInvocation(
    [...words, "--store", `${folder}/store`],
    [buildCommand, reproduceCommand],
  );
  if (invocation.kind !== "run") throw new Error("expected a command to run");
  const { signal } = new AbortController();
  const context = { env: {}, cwd: folder, reporter, signal, now: () => new Date(0) };
  return invocation.command.run(invocation.input, context);
}

describe("build", () => {
  test.each([
    [["--variant", "cuda"], "VARIANT_UNKNOWN", "not there yet"],
    [["--variant", "npu"], "VARIANT_UNKNOWN", "no such variant"],
    [["--backends", "some"], "OPTION_INVALID", "expected all or one"],
    [["--jobs", "0"], "OPTION_INVALID", "--jobs"],
  ])("refuses %j as a matter of usage", async (words, code, text) => {
    await expect(run(["build", ...words])).rejects.toMatchObject({
      code,
      class: "usage",
      message: expect.stringContaining(text),
    });
  });

  test.each([".", "/proc/version/appliance.tar", "/dev/null"])(
    "refuses to write to %s before it builds",
    async (out) => {
      await expect(run(["build", "--out", out])).rejects.toMatchObject({
        code: "OUT_INVALID",
        class: "usage",
      });
    },
  );

  test("of an empty store says that the inputs are missing, and what to do", async () => {
    await expect(run(["build"])).rejects.toMatchObject({
      code: "INPUT_MISSING",
      exitCode: 11,
      hint: "Run cloister fetch",
    });
  });
});

describe("reproduce", () => {
  test("of nothing is a matter of usage", async () => {
    await expect(run(["reproduce", "nothing.tar"])).rejects.toMatchObject({
      code: "APPLIANCE_ABSENT",
      exitCode: 2,
    });
  });
});
