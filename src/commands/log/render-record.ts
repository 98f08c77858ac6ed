/** Records as lines for people. Text of a log is anybody's text: nothing in it may steer the terminal that shows it. */
import type { Opened } from "../../audit/read/open-content.ts";
import type { Attribution, LedgerRecord, Usage } from "../../audit/record.ts";

// oxlint-disable-next-line no-control-regex -- These are what a terminal would obey, C1 and the bidirectional overrides included.
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function recordLine(record: LedgerRecord): string {
  const words = [String(record.seq), record.ts, record.type, ...detailsOf(record)];
  return visible(words.filter((word) => word !== "").join("  ")).replaceAll("\n", " ");
}

export function textLines(content: Opened): readonly string[] {
  switch (content.kind) {
    case "removed":
      return [`    (removed by record ${content.by})`];
    case "sealed":
      return ["    (sealed; none of the identities opens it)"];
    case "text":
      return visible(Buffer.from(content.bytes).toString("utf8"))
        .split("\n")
        .map((line) => `    ${line}`);
  }
}

function visible(text: string): string {
  return text.replaceAll(STEERING, "\ufffd");
}

function detailsOf(record: LedgerRecord): readonly string[] {
  switch (record.type) {
    case "req":
      return [record.id, record.route, ...whoOf(record.who)];
    case "res":
      return [
        record.id,
        `answers ${record.req}`,
        `${record.outcome} ${record.status}`,
        usageText(record.usage),
        `${record.durationMs} ms`,
        ...(record.faults ?? []),
      ];
    case "part":
      return [record.id, `of ${record.req}`];
    case "reject":
      return [record.id, record.route, String(record.status), record.code, ...whoOf(record.who)];
    case "abandon":
      return [record.id, `of ${record.req}`];
    case "open":
      return [record.segment, record.reason];
    case "seal":
      return [record.segment, record.reason, `${record.records} records`];
    case "config":
      return [
        `mode ${record.config.mode}`,
        `text ${record.config.content}`,
        record.config.model.alias,
        record.config.embedding?.alias ?? "",
      ];
    case "recover":
      return [record.segment, `${record.bytes} bytes cut off`];
    case "purge":
      return [`${record.payloads} texts`, record.reason, `by ${record.by}`];
    case "purged":
      return [`of ${record.purge}`, `${record.payloads} texts`, `${record.keys} keys`];
    case "retain":
      return [`${record.payloads} texts`, `${record.segments.length} segments`, `by ${record.by}`];
    case "retained":
      return [`of ${record.retain}`, `${record.payloads} texts`, `${record.segments} segments`];
    case "hold":
      return [record.name, record.state, record.reason, `by ${record.by}`];
    case "key":
      return [record.key];
    case "clock":
      return [`set back by ${record.backMs} ms`];
    case "disk":
      return [record.state, `${record.freeBytes} bytes free`];
    case "reconcile":
      return [record.verdict, record.model ?? ""];
    case "witness":
      return [record.state, record.detail];
    case "access":
      return [record.verb, record.detail, `by ${record.by}`];
    case "heartbeat":
    case "stop":
      return [];
  }
}

function whoOf(who: Attribution | undefined): readonly string[] {
  if (who === undefined) return [];
  const { client, strength, user, conversation } = who;
  return [
    `${client} (${strength})`,
    user === undefined ? "" : `user ${user}`,
    conversation === undefined ? "" : `conversation ${conversation}`,
  ];
}

function usageText(usage: Usage | undefined): string {
  return usage === undefined ? "" : `${usage.input} + ${usage.output} tokens`;
}
