import { expect, test } from "vitest";
import { describeFailure } from "../../src/cli/failure.ts";
import { AppError } from "../../src/shared/errors.ts";

const lost = new AppError({ class: "engine", code: "ENGINE_LOST" }, "Cannot load", {
  hint: "Start it",
  fields: { path: "x" },
});

test("describeFailure gives an AppError its class's exit code, one sentence and one hint", () => {
  expect(describeFailure(lost, false)).toEqual({
    exitCode: 6,
    text: "cloister: Cannot load\nhint: Start it\n",
    data: {
      error: {
        class: "engine",
        code: "ENGINE_LOST",
        message: "Cannot load",
        hint: "Start it",
        fields: { path: "x" },
      },
    },
  });
});

test("describeFailure calls anything else a defect, with its stack and exit code 1", () => {
  const failure = describeFailure(new TypeError("x is not a function"), false);
  expect(failure.exitCode).toBe(1);
  expect(failure.text).toContain("defect in cloister");
  expect(failure.text).toContain("failure.test.ts");
});

test("describeFailure takes errors after an interrupt for its consequence, but not one that left things half done", () => {
  expect(describeFailure(lost, true).exitCode).toBe(130);
  const halfDone = new AppError({ class: "half-done", code: "DOWN_FAILED" }, "Cannot take down");
  expect(describeFailure(halfDone, true).exitCode).toBe(10);
});
