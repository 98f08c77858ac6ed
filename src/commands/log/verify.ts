import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { askWriter } from "../../audit/control/client.ts";
import { parseVerifier } from "../../audit/notes/keys.ts";
import { renderVerdict } from "../../audit/verify/render.ts";
import { failureOf, type LogVerdict } from "../../audit/verify/verdict.ts";
import { verifyLog } from "../../audit/verify/verify-log.ts";
import { readLogIdentity } from "../../audit/write/log-file.ts";
import { AppError } from "../../shared/errors.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { LOG_OPTIONS, logFolderOf } from "./at-log.ts";
import { readAnchors } from "./anchors.ts";
import { WITNESS_OPTIONS, witnessOf } from "./witness.ts";

export const logVerifyCommand: Command = {
  name: "log verify",
  side: "either",
  summary: "whether the audit log is what it was",
  usage: "[--anchor FILE]… [--log-key VKEY] [--witness SOCKET] [--witness-key VKEY] [--log DIR]",
  options: {
    anchor: {
      type: "string",
      multiple: true,
      value: "FILE",
      help: "a checkpoint that was kept elsewhere; those in anchors/ count as well",
    },
    "log-key": { type: "string", value: "VKEY", help: "the key that the log must begin with" },
    ...WITNESS_OPTIONS,
    ...LOG_OPTIONS,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Reads every line once: the chain of records, their payload lines, the tree and its tiles, every signed checkpoint, the anchors, and what
the witness has seen; changes nothing, and needs no gateway. One verdict is given, the worst, with the record that it begins at:

  OK, OK_UNANCHORED (records came after the last checkpoint), PURGED (text was removed, as records say): exit code 0
  TORN_TAIL, TRUNCATED, MODIFIED, FORKED, KEY_RANGE: exit code 3
  INCOMPLETE (a request without an answer in a log that nobody writes), RECONCILE_GAP (llama-server counted more than was logged): 8

Exit codes: 4 the witness has another key than you named; 9 a file of the log cannot be read; 11 the witness does not answer.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const folder = await logFolderOf(input, context);
  const identity = await readLogIdentity(folder);
  const witness = await witnessOf(input, context, identity?.origin ?? "");
  const logKey = input.text("log-key");
  const found = await verifyLog(folder, {
    anchors: [...(await readAnchors(folder)), ...(await namedAnchors(input, context))],
    ...(witness === undefined ? {} : { witness }),
    ...(logKey === undefined ? {} : { logKey: parseVerifier(logKey) }),
    live: (await askWriter(folder)) !== undefined,
  });
  const failure = failureOf(found.verdict);
  if (failure === "integrity") throw broken(found);
  return { data: found, text: renderVerdict(found), verdict: failure ?? "pass" };
}

async function namedAnchors(input: CommandInput, { cwd }: CommandContext) {
  return await Promise.all(
    input.list("anchor").map(async (path) => ({
      from: basename(path),
      text: await readFile(resolve(cwd, path), "utf8").catch((cause: unknown) => {
        throw new AppError(
          { class: "usage", code: "ANCHOR_UNREADABLE" },
          `Cannot read the anchor "${path}": there is no such file, or it may not be read`,
          { cause, fields: { path } },
        );
      }),
    })),
  );
}

function broken(found: LogVerdict): AppError {
  return new AppError(
    { class: "integrity", code: `LOG_${found.verdict}` },
    `The audit log does not verify: ${renderVerdict(found).trimEnd()}`,
    {
      hint: "Keep the folder as it is, and compare it with every anchor that was carried out",
      fields: {
        verdict: found.verdict,
        ...(found.seq === undefined ? {} : { seq: found.seq }),
        findings: found.findings.map(({ verdict, seq, what }) => `${verdict} ${seq ?? ""}: ${what}`),
      },
    },
  );
}
