import { askWriter } from "../../audit/control/client.ts";
import type { WriterStatus } from "../../audit/control/log-service.ts";
import { adviceOn, describePolicy } from "../../audit/maintain/policy.ts";
import { parseCheckpoint } from "../../audit/notes/checkpoint.ts";
import { parseNote } from "../../audit/notes/signed-note.ts";
import { describeLog, type LogDescription, type Moment } from "../../audit/read/describe-log.ts";
import { readLogIdentity } from "../../audit/write/log-file.ts";
import { AppError } from "../../shared/errors.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { anchoredSize } from "./anchors.ts";
import { LOG_OPTIONS, logFolderOf } from "./at-log.ts";
import { WITNESS_OPTIONS, witnessOf } from "./witness.ts";

export const logStatusCommand: Command = {
  name: "log status",
  side: "cloister",
  summary: "how the audit log is kept, and how much of it is attested",
  usage: "[--witness SOCKET] [--log DIR]",
  options: { ...WITNESS_OPTIONS, ...LOG_OPTIONS },
  positionals: { minimum: 0, maximum: 0 },
  details: `Mode, last durable record, records that no checkpoint or anchor covers yet, what the witness has seen, how long the disk lasts, the oldest
text, and holds. Reads the folder, and asks whoever writes the log and the witness where they answer; changes nothing, proves nothing: that
is what \`log verify\` is for.`,
  run,
};

/** Nobody plans further. */
const LONG_DAYS = 3_650;

type Seen = { readonly size: number } | "unknown" | "unreachable" | undefined;

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const folder = await logFolderOf(input, context);
  const origin = (await readLogIdentity(folder))?.origin ?? "";
  const writer = await (await askWriter(folder))?.status();
  const witness = await seenBy(input, context, origin);
  const description = await describeLog(folder, context.now().getTime());
  const anchored = await anchoredSize(folder);
  return {
    data: { folder, origin, writer, witness, anchored, ...description },
    text: [
      `log         ${origin}, ${folder}`,
      ...settingsLines(description),
      ...stateLines(description, writer),
      `witness     ${witnessText(witness)}`,
      `anchors     ${anchorText(anchored, description)}`,
      `oldest      ${momentText(description.oldest)}; oldest text ${momentText(description.oldestText)}`,
      `disk        ${roomText(description)}`,
      ...description.holds.map(({ name, reason }) => `hold        ${name}: ${reason}`),
    ].join("\n"),
  };
}

/** A witness that is not there is a state like any other here. */
async function seenBy(input: CommandInput, context: CommandContext, origin: string): Promise<Seen> {
  try {
    const witness = await witnessOf(input, context, origin);
    if (witness === undefined) return undefined;
    return witness.head === undefined
      ? "unknown"
      : { size: parseCheckpoint(parseNote(witness.head).text).size };
  } catch (error) {
    if (error instanceof AppError && error.code === "LOCAL_SERVER_UNREACHABLE") return "unreachable";
    throw error;
  }
}

function settingsLines({ config }: LogDescription): readonly string[] {
  if (config === undefined) return ["mode        unknown: no segment that is left says so"];
  const advice = adviceOn(config.retention);
  const unsafe = config.mode === "async" ? " (UNSAFE: answers do not wait for the disk)" : "";
  return [
    `mode        ${config.mode}${unsafe}, text ${config.content}, day ends at midnight in ${config.zone}`,
    `retention   ${describePolicy(config.retention)}`,
    ...(advice === undefined ? [] : [`            ${advice}`]),
  ];
}

function stateLines(
  { newest, checkpointSize, segments }: LogDescription,
  writer: WriterStatus | undefined,
): readonly string[] {
  const records = (newest?.seq ?? -1) + 1;
  const state =
    writer === undefined
      ? "nobody writes it now"
      : writer.closed === undefined
        ? `open, last durable record ${writer.durableSeq}`
        : `CLOSED: ${writer.closed}`;
  return [
    `writer      ${state}`,
    `records     ${records} in ${segments} segments, newest ${momentText(newest)}`,
    `checkpoint  ${checkpointSize} records, ${Math.max(0, records - checkpointSize)} after it`,
  ];
}

function witnessText(seen: Seen): string {
  if (seen === undefined) return "none answers here";
  if (seen === "unreachable") return "UNREACHABLE";
  return seen === "unknown" ? "has never seen this log" : `has seen ${seen.size} records`;
}

function anchorText(anchored: number, { newest }: LogDescription): string {
  const since = Math.max(0, (newest?.seq ?? -1) + 1 - anchored);
  return anchored === 0
    ? "none was brought back; `cloister log anchor export FILE` makes one"
    : `${anchored} records, ${since} since`;
}

function momentText(moment: Moment | undefined): string {
  return moment === undefined ? "none" : `${moment.ts} (record ${moment.seq})`;
}

function roomText({ bytes, freeBytes, runwayDays }: LogDescription): string {
  const runway =
    runwayDays === undefined
      ? "no whole day yet to judge by"
      : `enough for ${runwayDays > LONG_DAYS ? `more than ${LONG_DAYS}` : runwayDays} days like the last ones`;
  return `${mebibytes(bytes)} MiB used, ${mebibytes(freeBytes)} MiB free: ${runway}`;
}

function mebibytes(bytes: number): string {
  return (bytes / (1 << 20)).toFixed(1);
}
