import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  adviceOn,
  assertPolicy,
  parseContentRetention,
  parseDays,
} from "../../../src/audit/maintain/policy.ts";

const invalid = expect.objectContaining({ code: "RETENTION_INVALID", class: "usage", exitCode: 2 });

describe("days", () => {
  test("from 1 to 36500 are what they say", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 36_500 }), (days) => {
        expect(parseDays(String(days))).toBe(days);
        expect(parseContentRetention(String(days))).toBe(days);
      }),
    );
  });

  test.each([
    "",
    "0",
    "-1",
    "1.5",
    "030",
    "36501",
    "99999",
    "100000",
    "1e3",
    " 30",
    "30\n",
    "30d",
    "٣",
    "SESSION",
  ])("are not %j, neither of text nor of ledger lines", (text) => {
    expect(() => parseDays(text)).toThrow(invalid);
    expect(() => parseContentRetention(text)).toThrow(invalid);
  });

  test("may be a session for text, and not for ledger lines", () => {
    expect(parseContentRetention("session")).toBe("session");
    expect(() => parseDays("session")).toThrow(invalid);
  });
});

test("no policy keeps text longer than its ledger line", () => {
  expect(assertPolicy({ content: 30, ledger: 30 })).toEqual({ content: 30, ledger: 30 });
  expect(assertPolicy({ content: "session", ledger: 1 })).toEqual({ content: "session", ledger: 1 });
  expect(() => assertPolicy({ content: 31, ledger: 30 })).toThrow(invalid);
});

test.each([
  [{ content: 183, ledger: 183 }, false],
  [{ content: 182, ledger: 366 }, true],
  [{ content: "session", ledger: 366 }, true],
] as const)("of %j the six months of Article 26(6) are told: %s", (policy, isTold) => {
  expect(adviceOn(policy)?.includes("26(6)") ?? false).toBe(isTold);
});
