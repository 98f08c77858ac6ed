/** JUnit XML as CI servers read it: a failed check is a failure, an inconclusive one an error, a known gap is skipped with its reason. */
import type { Check, KnownGap } from "../check.ts";
import type { VerifyReport } from "./report.ts";

export function renderJunit(report: VerifyReport): string {
  const { totals, checks, knownGaps } = report;
  const counts = attributes({
    tests: String(checks.length + knownGaps.length),
    failures: String(totals.fail),
    errors: String(totals.inconclusive),
    skipped: String(knownGaps.length),
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="cloister verify"${counts}>`,
    `  <testsuite${attributes({ name: `cloister verify ${report.release}` })}${counts}>`,
    ...checks.map(testCase),
    ...knownGaps.map(skipped),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function testCase(check: Check): string {
  const head = `    <testcase${attributes({ classname: ["verify", check.service ?? "stack", check.where].join("."), name: `${check.id}: ${check.title}` })}>`;
  const details = [
    `expected: ${check.expected}`,
    `observed: ${check.observed}`,
    ...(check.control === undefined ? [] : [`control: ${check.control}`]),
    `reason: ${check.reason}`,
  ].join("\n");
  return `${head}${outcome(check)}<system-out>${text(details)}</system-out></testcase>`;
}

function outcome({ verdict, reason, observed }: Check): string {
  switch (verdict) {
    case "pass":
      return "";
    case "fail":
      return `<failure${attributes({ message: `${reason}: ${observed}`, type: "fail" })}/>`;
    case "inconclusive":
      return `<error${attributes({ message: `${reason}: ${observed}`, type: "inconclusive" })}/>`;
  }
}

function skipped(gap: KnownGap): string {
  const name = attributes({ classname: "verify.known-gap", name: `${gap.id}: ${gap.title}` });
  const message = attributes({ message: `${gap.state}: ${gap.observed}. ${gap.reason}` });
  return `    <testcase${name}><skipped${message}/></testcase>`;
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${text(value).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;")}"`)
    .join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#13;",
};

/** XML 1.0 has no way to write most control characters, lone surrogates, U+FFFE and U+FFFF: they become U+FFFD. */
function text(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll(/[&<>"'\r]/g, (character) => ENTITIES[character] ?? "");
}
