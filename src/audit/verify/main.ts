/**
 * Checks a whole log, or an export of one, with Node.js alone: the one file that an auditor needs. It asks no network, writes nothing,
 * and believes no more than it is told.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AppError, EXIT_CODES, messageOf } from "../../shared/errors.ts";
import { RECORDS_FILE } from "../export/layout.ts";
import { verifyExport } from "../export/verify-export.ts";
import { LOG_FILE } from "../layout.ts";
import { parseVerifier } from "../notes/keys.ts";
import { renderVerdict } from "./render.ts";
import { failureOf } from "./verdict.ts";
import { verifyLog } from "./verify-log.ts";

const USAGE = `node log-verify.mjs FOLDER [--log-key VKEY] [--anchor FILE]... [--witness-key VKEY [--witness-head FILE]] [--json]

FOLDER is an audit log, or an export of one. --log-key is the verifier key that the log is known by: an export needs it, and a log
without it is only held against itself. --anchor is a checkpoint that was kept elsewhere; --witness-key and --witness-head are the
witness's key and the newest checkpoint that it has cosigned; an export is held against neither.

Exit codes: 0 what is there holds; 3 bytes are not what they were; 8 requests without answers, or tokens without requests; 9 a file of
the log cannot be read; 2 usage.
`;

const DEFECT = 1;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        "log-key": { type: "string" },
        anchor: { type: "string", multiple: true },
        "witness-key": { type: "string" },
        "witness-head": { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    const [folder] = positionals;
    if (values.help === true || folder === undefined || positionals.length > 1) {
      process.stdout.write(USAGE);
      return values.help === true ? 0 : EXIT_CODES.usage;
    }
    if (values["witness-head"] !== undefined && values["witness-key"] === undefined)
      throw misused("the witness's head without its key: give --witness-key as well");
    const logKey = values["log-key"] === undefined ? undefined : parseVerifier(values["log-key"]);
    if (existsSync(join(folder, LOG_FILE))) {
      const key = values["witness-key"];
      const head = values["witness-head"];
      const verdict = await verifyLog(folder, {
        ...(logKey === undefined ? {} : { logKey }),
        anchors: await Promise.all(
          (values.anchor ?? []).map(async (from) => ({ from, text: await readFile(from, "utf8") })),
        ),
        ...(key === undefined
          ? {}
          : {
              witness: {
                key: parseVerifier(key),
                ...(head === undefined ? {} : { head: await readFile(head, "utf8") }),
              },
            }),
      });
      process.stdout.write(values.json === true ? `${JSON.stringify(verdict)}\n` : renderVerdict(verdict));
      const failure = failureOf(verdict.verdict);
      return failure === undefined ? 0 : EXIT_CODES[failure];
    }
    if (!existsSync(join(folder, RECORDS_FILE)))
      throw new AppError(
        { class: "usage", code: "USAGE" },
        `Cannot check "${folder}": there is neither an audit log in it nor an export of one`,
      );
    if (values.anchor !== undefined || values["witness-key"] !== undefined)
      throw misused("an anchor or the witness's key for an export: only a whole log is held against them");
    if (logKey === undefined)
      throw new AppError(
        { class: "usage", code: "USAGE" },
        "Cannot check an export without the log's key: --log-key VKEY, as whoever keeps the log has published it",
      );
    const verdict = await verifyExport(folder, logKey);
    process.stdout.write(values.json === true ? `${JSON.stringify(verdict)}\n` : describeExport(verdict));
    return verdict.holds ? 0 : EXIT_CODES.integrity;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    if (error instanceof AppError) return error.exitCode;
    return error instanceof TypeError && "code" in error ? EXIT_CODES.usage : DEFECT;
  }
}

/** What would be passed over must not look as if it had been held against anything. */
function misused(what: string): AppError {
  return new AppError({ class: "usage", code: "USAGE" }, `Cannot use ${what}`);
}

function describeExport({
  holds,
  records,
  texts,
  removed,
  faults,
}: Awaited<ReturnType<typeof verifyExport>>): string {
  const counted = `${records} records, ${texts} with their text, ${removed} of which the text was removed`;
  return [`${holds ? "PROVEN" : "NOT PROVEN"}: ${counted}`, ...faults.map((fault) => `  ${fault}`), ""].join(
    "\n",
  );
}
