import type { Check, KnownGap } from "../check.ts";
import { plural } from "../check.ts";
import type { VerifyReport } from "./report.ts";

const WIDTH = 100;
const LABEL_WIDTH = 14;
const MARKS = { pass: "PASS", fail: "FAIL", inconclusive: "INCONCLUSIVE" } as const;

/** Plain text of at most 100 columns. What did not pass is told in full, a pass with what was seen and with its control. */
export function renderTable(report: VerifyReport): string {
  const { checks, knownGaps, totals } = report;
  const open = knownGaps.filter(({ state }) => state !== "closed").length;
  const summary = [
    `${totals.pass} pass, ${totals.fail} fail, ${totals.inconclusive} inconclusive`,
    ...(open === 0 ? [] : [`${plural(open, "known gap")} not closed`]),
  ].join("; ");
  return [
    `Release ${report.release}`,
    ...[undefined, ...servicesOf(checks)].flatMap((service) => sectionsOf(service, checks)),
    ...gaps(knownGaps),
    "",
    `${MARKS[report.verdict]}: ${summary}`,
    "",
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

function servicesOf(checks: readonly Check[]): readonly string[] {
  return [...new Set(checks.flatMap(({ service }) => service ?? []))];
}

function sectionsOf(service: string | undefined, checks: readonly Check[]): readonly string[] {
  const own = checks.filter((check) => check.service === service);
  const title =
    service === undefined ? "The stack" : `${service.slice(0, 1).toUpperCase()}${service.slice(1)}`;
  return [
    ...section(
      `${title}, from the host`,
      own.filter(({ where }) => where === "host"),
    ),
    ...section(
      `${title}, from inside its container`,
      own.filter(({ where }) => where === "inside"),
    ),
  ];
}

function section(title: string, checks: readonly Check[]): readonly string[] {
  return checks.length === 0 ? [] : ["", title, ...checks.flatMap(row)];
}

function row(check: Check): readonly string[] {
  const details: readonly (readonly [string, string | undefined])[] = [
    ["seen", check.observed],
    ...(check.verdict === "pass" ? [] : ([["expected", check.expected]] as const)),
    ["control", check.control],
    ["because", check.reason],
  ];
  return [
    ...entry(MARKS[check.verdict], check.title),
    ...details.flatMap(([label, text]) => detail(label, text)),
  ];
}

function gaps(knownGaps: readonly KnownGap[]): readonly string[] {
  if (knownGaps.length === 0) return [];
  return [
    "",
    "Known gaps, not part of the verdict",
    ...knownGaps.flatMap((gap) => [
      ...entry(gap.state.toUpperCase(), gap.title),
      ...detail("seen", gap.observed),
      ...detail("control", gap.control),
      ...detail("because", gap.reason),
    ]),
  ];
}

function entry(mark: string, title: string): readonly string[] {
  return hanging(mark.padEnd(LABEL_WIDTH), title);
}

function detail(label: string, text: string | undefined): readonly string[] {
  return text === undefined || text === "" ? [] : hanging(`    ${label}`.padEnd(LABEL_WIDTH), text);
}

function hanging(label: string, text: string): readonly string[] {
  return wrap(plain(text), WIDTH - LABEL_WIDTH).map(
    (line, index) => `${index === 0 ? label : " ".repeat(LABEL_WIDTH)}${line}`,
  );
}

/** What was observed may come from anywhere: it must not steer a terminal. */
function plain(text: string): string {
  return text.replaceAll(/[\p{C}\s]+/gu, " ");
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((word) => word.match(new RegExp(`.{1,${width}}`, "gu")) ?? [])) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
