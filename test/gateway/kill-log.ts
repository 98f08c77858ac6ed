/** What a log says of each request, read line by line as anybody could, and not through the code that verifies it. */
import { Decrypter } from "age-encryption";
import type { LedgerRecord } from "../../src/audit/record.ts";
import { isLedgerLine, parseLedgerLine } from "../../src/audit/line.ts";
import { matchesCommitment, openSealed, parsePayloadLine } from "../../src/audit/payload.ts";
import { readWrappedKeys } from "../../src/audit/seal.ts";
import { listSegments, readSegment } from "../../src/audit/segments.ts";

export type Logged = {
  readonly nonce: string;
  readonly seq: number;
  /** Text of all parts, in order. */
  parts: string;
  /** The whole answer's text; undefined while there is no res. */
  answer: string | undefined;
  /** Outcomes of its res records; "abandoned" for an abandon record. There should be exactly one. */
  readonly endings: string[];
};

export type LogContents = {
  readonly requests: ReadonlyMap<string, Logged>;
  readonly records: readonly LedgerRecord[];
  readonly segments: number;
};

/** `identity`: opens what is sealed. */
export async function readLog(folder: string, identity?: string): Promise<LogContents> {
  const segments = await listSegments(folder);
  const records: LedgerRecord[] = [];
  const payloads = new Map<number, Buffer>();
  for (const segment of segments) {
    await readSegment(folder, segment, (line) => {
      if (isLedgerLine(line)) records.push(parseLedgerLine(line));
      else payloads.set(records.at(-1)?.seq ?? -1, Buffer.from(line));
    });
  }
  const secrets = identity === undefined ? new Map<string, Uint8Array>() : await unwrapKeys(folder, identity);
  const textOf = (record: LedgerRecord): string => {
    const line = payloads.get(record.seq);
    if (line === undefined || !("payload" in record) || record.payload === undefined) return "";
    const parsed = parsePayloadLine(line);
    if (parsed.kind === "tombstone") return "";
    const content =
      parsed.kind === "plain" ? parsed : openSealed(parsed, secrets.get(parsed.key) ?? new Uint8Array(32));
    if (!matchesCommitment(content, record.payload))
      throw new Error(`Record ${record.seq} commits to another text`);
    return Buffer.from(content.bytes).toString("utf8");
  };
  return { requests: pair(records, textOf), records, segments: segments.length };
}

function pair(
  records: readonly LedgerRecord[],
  textOf: (record: LedgerRecord) => string,
): ReadonlyMap<string, Logged> {
  const bySeq = new Map<number, Logged>();
  for (const record of records) {
    if (record.type === "req") {
      const nonce = /nonce=(\S+)/.exec(textOf(record))?.[1] ?? `seq-${record.seq}`;
      bySeq.set(record.seq, { nonce, seq: record.seq, parts: "", answer: undefined, endings: [] });
    } else if (record.type === "part" || record.type === "res" || record.type === "abandon") {
      const request = bySeq.get(record.req);
      if (request === undefined)
        throw new Error(`Record ${record.seq} names request ${record.req}, which is not there`);
      if (record.type === "part") request.parts += partText(textOf(record));
      else request.endings.push(record.type === "res" ? record.outcome : "abandoned");
      if (record.type === "res") request.answer = answerOf(textOf(record));
    }
  }
  return new Map([...bySeq.values()].map((request) => [request.nonce, request]));
}

/** [["choices.0.content", "text"], ...] */
function partText(text: string): string {
  if (text === "") return "";
  const delta: readonly (readonly [channel: string, text: string])[] = JSON.parse(text);
  return delta
    .filter(([channel]) => channel.endsWith("content"))
    .map(([, text]) => text)
    .join("");
}

function answerOf(text: string): string {
  if (text === "") return "";
  const answer: { readonly choices?: readonly { readonly message?: { readonly content?: string } }[] } =
    JSON.parse(text);
  return answer.choices?.[0]?.message?.content ?? "";
}

async function unwrapKeys(folder: string, identity: string): Promise<Map<string, Uint8Array>> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const days = new Set((await listSegments(folder)).map(({ day }) => day));
  const keys = await Promise.all([...days].map((day) => readWrappedKeys(folder, day)));
  return new Map(
    await Promise.all(
      keys
        .flat()
        .map(
          async ({ key, wrapped }) => [key, await decrypter.decrypt(Buffer.from(wrapped, "base64"))] as const,
        ),
    ),
  );
}
