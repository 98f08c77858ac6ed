import { describe, expect, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import type { Check } from "../../src/verify/check.ts";
import { renderJunit } from "../../src/verify/report/junit.ts";
import { toReport } from "../../src/verify/report/report.ts";

const HOSTILE = `a<b>&amp;"quoted"'\n\r\t\u0000\u001b[31m\uD800 \uFFFE ]]> <!-- \u{1F600}`;

/** By the XML parser of Python's standard library, which is expat. */
const PARSE = `
import sys, xml.etree.ElementTree as E
case = E.fromstring(sys.stdin.buffer.read()).find(".//testcase")
sys.stdout.write(case.get("name") + "|" + case.find("failure").get("message") + "|" + case.find("system-out").text)
`;

describe("JUnit XML", () => {
  test("is well-formed for two independent parsers and gives back what was observed", async () => {
    const check: Check = {
      id: "x",
      title: HOSTILE,
      where: "inside",
      verdict: "fail",
      expected: HOSTILE,
      observed: HOSTILE,
      control: HOSTILE,
      reason: "r",
    };
    const xml = renderJunit(toReport(HOSTILE, [check], []));
    const kept = ["\u0000", "\u001b", "\uD800", "\uFFFE"].reduce(
      (text, bad) => text.replaceAll(bad, "\uFFFD"),
      HOSTILE,
    );
    const { stdout } = await exec("python3", ["-c", PARSE], {
      input: xml,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" },
    });
    const [name, message, details] = stdout.split("|");
    expect(name).toBe(`x: ${kept}`);
    expect(message).toBe(`r: ${kept}`);
    expect(details).toContain(`observed: ${kept}`);
    expect((await exec("xmllint", ["--noout", "-"], { input: xml })).stderr).toBe("");
  });
});
