import { describe, expect, test } from "vitest";
import type { Check, KnownGap } from "../../src/verify/check.ts";
import { compileSchema } from "../../src/shared/schema.ts";
import { renderJunit } from "../../src/verify/report/junit.ts";
import { toReport } from "../../src/verify/report/report.ts";
import schema from "../../src/verify/report/report.schema.json" with { type: "json" };
import { renderTable } from "../../src/verify/report/table.ts";

function check(verdict: Check["verdict"], more: Partial<Check> = {}): Check {
  return {
    id: verdict,
    title: `A ${verdict}`,
    where: "host",
    verdict,
    expected: "x",
    observed: "y",
    reason: "z",
    ...more,
  };
}
const gap: KnownGap = { id: "g", title: "A gap", state: "open", observed: "through", reason: "no firewall" };

describe("a report", () => {
  test("fails on one failure, is inconclusive on one inconclusive check, passes only where all pass", () => {
    expect(toReport("r", [check("pass"), check("inconclusive"), check("fail")], []).verdict).toBe("fail");
    expect(toReport("r", [check("pass"), check("inconclusive")], []).verdict).toBe("inconclusive");
    expect(toReport("r", [check("pass")], [gap]).verdict).toBe("pass");
  });

  test("without a single check is inconclusive", () => {
    expect(toReport("r", [], [])).toMatchObject({
      verdict: "inconclusive",
      totals: { pass: 0, fail: 0, inconclusive: 0 },
    });
  });

  test("has the form that its schema describes", () => {
    const validate = compileSchema<unknown>(schema);
    const report = toReport(
      "r",
      [check("pass", { control: "c" }), check("fail", { where: "inside" })],
      [gap],
    );
    expect(validate(report)).toBe(true);
    expect(validate({ ...report, checks: [{ ...check("pass"), verdict: "skipped" }] })).toBe(false);
  });
});

describe("renderTable", () => {
  test("shows each check with what was seen, the expectation where it did not pass, and every gap in words", () => {
    const text = renderTable(
      toReport(
        "1.0",
        [check("pass", { control: "loopback through" }), check("fail", { where: "inside" })],
        [gap],
      ),
    );
    expect(text).toBe(`Release 1.0

The stack, from the host
PASS          A pass
    seen      y
    control   loopback through
    because   z

The stack, from inside its container
FAIL          A fail
    seen      y
    expected  x
    because   z

Known gaps, not part of the verdict
OPEN          A gap
    seen      through
    because   no firewall

FAIL: 1 pass, 1 fail, 0 inconclusive; 1 known gap not closed
`);
  });

  test("stays within 100 columns and passes no control character on, whatever was observed", () => {
    const observed = `${"word ".repeat(80)}${"x".repeat(500)}\u001b[31m\u0007\r\n\u202e`;
    const text = renderTable(toReport("r", [check("fail", { observed })], []));
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(text).not.toMatch(/[^\n\P{C}]/u);
  });
});

describe("renderJunit", () => {
  test("makes a failure, an error and a skipped case, and counts them", () => {
    const xml = renderJunit(toReport("r", [check("pass"), check("fail"), check("inconclusive")], [gap]));
    expect(xml).toContain(
      '<testsuites name="cloister verify" tests="4" failures="1" errors="1" skipped="1">',
    );
    expect(xml).toContain('<failure message="z: y" type="fail"/>');
    expect(xml).toContain('<error message="z: y" type="inconclusive"/>');
    expect(xml).toContain('<skipped message="open: through. no firewall"/>');
  });

  test("escapes markup and line ends in attributes and replaces what XML cannot hold", () => {
    const observed = `<&>"'\n\t\u0000\u001b\uD800\uFFFF]]>`;
    const xml = renderJunit(toReport("r", [check("fail", { observed })], []));
    expect(xml).toContain('message="z: &lt;&amp;&gt;&quot;&apos;&#10;&#9;\uFFFD\uFFFD\uFFFD\uFFFD]]&gt;"');
  });
});
