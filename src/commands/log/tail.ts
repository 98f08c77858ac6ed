import { resolve } from "node:path";
import { createMatcher, describeSelector, type Matcher } from "../../audit/maintain/selector.ts";
import { payloadRef } from "../../audit/payload.ts";
import { createContentReader, readIdentities, type Opened } from "../../audit/read/open-content.ts";
import { readRecords, seqOfLast, type ReadRecord } from "../../audit/read/read-records.ts";
import type { LedgerRecord } from "../../audit/record.ts";
import { AppError } from "../../shared/errors.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { recordAccess } from "./access.ts";
import { BY_OPTION, LOG_OPTIONS, logFolderOf } from "./at-log.ts";
import { recordLine, textLines } from "./render-record.ts";
import { SELECT_OPTIONS, selectorOf } from "./select.ts";

const DEFAULT_LINES = 20;

export const logTailCommand: Command = {
  name: "log tail",
  side: "cloister",
  summary: "show the audit log's newest records, and their text to whoever has the key",
  usage:
    "[-n N] [-f] [--identity FILE]… [--content] [--user ID | --conversation ID | --seq N-M | --before TIME] [--log DIR]",
  options: {
    lines: {
      type: "string",
      short: "n",
      value: "N",
      help: `how many of the last records (${DEFAULT_LINES})`,
    },
    follow: { type: "boolean", short: "f", help: "go on as records are added" },
    identity: {
      type: "string",
      multiple: true,
      value: "FILE",
      help: "an age identity; shows the text that is sealed to it",
    },
    content: { type: "boolean", help: "show the text of a log that was chosen to be plain" },
    ...SELECT_OPTIONS,
    by: BY_OPTION,
    ...LOG_OPTIONS,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `One line a record; with --identity or --content the text below it, and then an access record is written first, which says who reads
here and what. --json prints one JSON document a line: {"record": …, "text": …}, "base64" in place of text where it is no UTF-8,
"removed" with the number of the record that had it removed. A selection shows all that it means, not only the newest.

Exit codes: 3 a record or its text is not what it was.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const folder = await logFolderOf(input, context);
  const selector = await selectorOf(input, { log: folder, context });
  const identities = await Promise.all(
    input.list("identity").map(async (path) => await readIdentities(resolve(context.cwd, path))),
  );
  const wantsText = identities.length > 0 || input.flag("content");
  const lines = linesOf(input);
  const isFollowed = input.flag("follow");
  const from = selector === undefined ? await seqOfLast(folder, lines) : 0;
  if (wantsText)
    await recordAccess(
      folder,
      { input, context },
      {
        verb: "log tail",
        detail: selector === undefined ? `from record ${from}` : describeSelector(selector),
      },
    );
  const stream = show(folder, {
    from,
    ...(isFollowed ? { follow: context.signal } : {}),
    // The access record that was just written is not among the last that were asked for.
    ...(isFollowed || selector !== undefined ? {} : { to: from + lines - 1 }),
    matches: selector === undefined ? () => true : createMatcher(selector),
    ...(wantsText ? { identities: identities.flat() } : {}),
    render: input.flag("json") ? renderJson : renderText,
  });
  return { data: null, text: "", stream };
}

type Show = {
  readonly from: number;
  readonly to?: number;
  readonly follow?: AbortSignal;
  readonly matches: Matcher;
  /** Absent: no text is shown. */
  readonly identities?: readonly string[];
  readonly render: (record: LedgerRecord, content: Opened | undefined) => string;
};

async function* show(
  folder: string,
  { matches, identities, render, ...which }: Show,
): AsyncGenerator<string> {
  const reader = identities === undefined ? undefined : createContentReader(folder, identities);
  for await (const one of readRecords(folder, which)) {
    if (!matches(one.record)) continue;
    yield render(one.record, await contentOf(one, reader));
  }
}

async function contentOf(
  { record, payload }: ReadRecord,
  reader: ReturnType<typeof createContentReader> | undefined,
): Promise<Opened | undefined> {
  const ref = payloadRef(record);
  if (reader === undefined || payload === undefined || ref === undefined) return undefined;
  return await reader.open(payload, ref);
}

function renderText(record: LedgerRecord, content: Opened | undefined): string {
  return [recordLine(record), ...(content === undefined ? [] : textLines(content)), ""].join("\n");
}

function renderJson(record: LedgerRecord, content: Opened | undefined): string {
  return `${JSON.stringify({ record, ...(content === undefined ? {} : fieldsOf(content)) })}\n`;
}

function fieldsOf(content: Opened): object {
  switch (content.kind) {
    case "removed":
      return { removed: content.by };
    case "sealed":
      return { sealed: true };
    case "text": {
      const bytes = Buffer.from(content.bytes);
      const text = bytes.toString("utf8");
      return Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString("base64") };
    }
  }
}

function linesOf(input: CommandInput): number {
  const text = input.text("lines") ?? String(DEFAULT_LINES);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new AppError(
    { class: "usage", code: "OPTION_INVALID" },
    `Cannot show "${text}" records: expected a number`,
  );
}
