import { describe, expect, test } from "vitest";
import type { Counters } from "../../../src/gateway/watch/counters.ts";
import { createAccounts } from "../../../src/gateway/watch/reconcile.ts";

function at(input: number, output: number, off = 0): Counters {
  return {
    input: { least: input, most: input },
    output: { least: output - off, most: output + off },
  };
}

function begun(start = at(100, 50)) {
  const accounts = createAccounts();
  expect(accounts.reconcile(start)).toBeUndefined();
  return accounts;
}

describe("reconcile", () => {
  test("tokens that answers in the log explain are ok", () => {
    const accounts = begun();
    accounts.answered({ input: 7, output: 2 });
    accounts.answered({ input: 5, output: 3, cached: 4 });
    expect(accounts.reconcile(at(112, 55))).toEqual({
      type: "reconcile",
      verdict: "ok",
      upstream: { input: 12, output: 5 },
      logged: { input: 12, output: 5 },
      interrupted: 0,
    });
  });

  test.each([
    ["input", at(113, 55)],
    ["output", at(112, 56)],
  ])("one token more of %s is a gap, said once", (_, now) => {
    const accounts = begun();
    accounts.answered({ input: 12, output: 5 });
    expect(accounts.reconcile(now)).toMatchObject({ verdict: "gap", logged: { input: 12, output: 5 } });
    expect(accounts.reconcile(now)).toBeUndefined();
  });

  test("tokens without any answer are a gap", () => {
    expect(begun().reconcile(at(100, 51))).toMatchObject({
      verdict: "gap",
      upstream: { input: 0, output: 1 },
    });
  });

  test("fewer than the log has are ok", () => {
    const accounts = begun();
    accounts.answered({ input: 12, output: 5 });
    expect(accounts.reconcile(at(105, 55))).toMatchObject({
      verdict: "ok",
      upstream: { input: 5, output: 5 },
    });
  });

  test("what an interrupted answer may explain is unknown, and explains nothing later", () => {
    const accounts = begun();
    accounts.answered(undefined);
    expect(accounts.reconcile(at(109, 59))).toMatchObject({
      verdict: "unknown",
      upstream: { input: 9, output: 9 },
      interrupted: 1,
    });
    expect(accounts.reconcile(at(109, 60))).toMatchObject({ verdict: "gap", interrupted: 0 });
  });

  test("an interrupted answer that nothing was counted for is ok", () => {
    const accounts = begun();
    accounts.answered(undefined);
    expect(accounts.reconcile(at(100, 50))).toMatchObject({ verdict: "ok", interrupted: 1 });
  });

  test("counters that went back are of a server that restarted, and are counted from there", () => {
    const accounts = begun();
    accounts.answered({ input: 7, output: 2 });
    expect(accounts.reconcile(at(7, 2))).toMatchObject({
      verdict: "restarted",
      logged: { input: 7, output: 2 },
    });
    expect(accounts.reconcile(at(7, 2))).toBeUndefined();
    expect(accounts.reconcile(at(7, 3))).toMatchObject({ verdict: "gap" });
  });

  test("of a server that restarted and was not asked since, nothing is said but that", () => {
    const accounts = begun();
    expect(accounts.reconcile(at(0, 0))).toMatchObject({ verdict: "restarted" });
    expect(accounts.reconcile(at(0, 0))).toBeUndefined();
  });

  test("a server that does not answer is unknown once, and only where there was something to compare", () => {
    const accounts = begun();
    expect(accounts.reconcile(undefined)).toBeUndefined();
    accounts.answered({ input: 7, output: 2 });
    expect(accounts.reconcile(undefined)).toMatchObject({
      verdict: "unknown",
      upstream: { input: 0, output: 0 },
      logged: { input: 7, output: 2 },
    });
    expect(accounts.reconcile(undefined)).toBeUndefined();
    expect(accounts.reconcile(at(107, 52))).toMatchObject({ verdict: "ok" });
    accounts.answered({ input: 1, output: 1 });
    expect(accounts.reconcile(undefined)).toMatchObject({ verdict: "unknown" });
  });

  test("the first reading only remembers, and says where there were answers before", () => {
    const accounts = createAccounts();
    accounts.answered({ input: 7, output: 2 });
    expect(accounts.reconcile(at(7, 2))).toMatchObject({ verdict: "unknown" });
    expect(accounts.reconcile(at(7, 3))).toMatchObject({ verdict: "gap" });
  });

  test("says whose counters it is about where it was told, in every verdict", () => {
    const accounts = createAccounts("embed");
    accounts.answered({ input: 7, output: 0 });
    expect(accounts.reconcile(undefined)).toMatchObject({ verdict: "unknown", model: "embed" });
    accounts.reconcile(at(7, 0));
    accounts.answered({ input: 7, output: 0 });
    expect(accounts.reconcile(at(14, 0))).toEqual({
      type: "reconcile",
      model: "embed",
      verdict: "ok",
      upstream: { input: 7, output: 0 },
      logged: { input: 7, output: 0 },
      interrupted: 0,
    });
    expect(accounts.reconcile(at(15, 0))).toMatchObject({ verdict: "gap", model: "embed" });
    expect(accounts.reconcile(at(0, 0))).toMatchObject({ verdict: "restarted", model: "embed" });
  });

  test("without anything new nothing is said", () => {
    const accounts = begun();
    for (let count = 0; count < 3; count += 1) expect(accounts.reconcile(at(100, 50))).toBeUndefined();
  });
});

describe("counters that come rounded", () => {
  test("are no gap where the rounding may explain it", () => {
    const accounts = begun(at(0, 1_000_000, 5));
    accounts.answered({ input: 0, output: 2 });
    expect(accounts.reconcile(at(0, 1_000_010, 5))).toMatchObject({
      verdict: "ok",
      upstream: { output: 2 },
      logged: { output: 2 },
    });
  });

  test("are a gap where it cannot, of what is sure", () => {
    const accounts = begun(at(0, 1_000_000, 5));
    accounts.answered({ input: 0, output: 2 });
    expect(accounts.reconcile(at(0, 1_000_020, 5))).toMatchObject({
      verdict: "gap",
      upstream: { output: 10 },
    });
  });

  test("let no surplus through that comes in small pieces", () => {
    const accounts = begun(at(0, 1_000_000, 5));
    let total = 1_000_000;
    let gaps = 0;
    for (let round = 0; round < 20; round += 1) {
      accounts.answered({ input: 0, output: 3 });
      total += 4;
      const entry = accounts.reconcile(at(0, Math.round(total / 10) * 10, 5));
      if (entry?.verdict === "gap") gaps += 1;
    }
    expect(gaps).toBeGreaterThan(0);
  });

  test("of an honest log are never a gap", () => {
    let total = 999_000;
    const accounts = begun(roundedAt(total));
    for (let round = 1; round < 500; round += 1) {
      const output = (round * 37) % 61;
      accounts.answered({ input: 0, output });
      total += output;
      expect(accounts.reconcile(roundedAt(total))?.verdict ?? "ok").toBe("ok");
    }
  });
});

/** As llama-server writes a count. */
function roundedAt(output: number): Counters {
  return output < 1_000_000 ? at(0, output) : at(0, Math.round(output / 10) * 10, 5);
}
