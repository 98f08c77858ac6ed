import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { askWriter } from "../../audit/control/client.ts";
import { writeExport, type ExportDeps } from "../../audit/export/write-export.ts";
import { payloadRef } from "../../audit/payload.ts";
import { describeSelector } from "../../audit/maintain/selector.ts";
import { createContentReader, readIdentities } from "../../audit/read/open-content.ts";
import { AppError } from "../../shared/errors.ts";
import { plural } from "../../verify/check.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { recordAccess } from "./access.ts";
import { BY_OPTION, LOG_OPTIONS, logFolderOf } from "./at-log.ts";
import { SELECT_OPTIONS, SELECT_USAGE, selectorOf } from "./select.ts";

/** Beside the program, on the host and in the container. */
const VERIFIER = "log-verify.mjs";

export const logExportCommand: Command = {
  name: "log export",
  side: "cloister",
  summary: "hand over some records with proofs, and with what checks them",
  usage: `(${SELECT_USAGE}) --out DIR [--identity FILE]… [--verifier FILE] [--by NAME] [--log DIR]`,
  options: {
    ...SELECT_OPTIONS,
    out: { type: "string", value: "DIR", help: "a folder that is made; it must not be there" },
    identity: {
      type: "string",
      multiple: true,
      value: "FILE",
      help: "an age identity; the text that is sealed to it goes along in the clear",
    },
    verifier: {
      type: "string",
      value: "FILE",
      help: `the program that checks it (${VERIFIER} beside cloister)`,
    },
    by: BY_OPTION,
    ...LOG_OPTIONS,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Writes the ledger lines of what is meant, their payload lines, a C2SP tlog-proof of each, the newest checkpoint, the wrapped content keys,
and a program that checks all of this with Node.js alone: without cloister, without a network, and without the rest of the log. Text of
a plain log, and with --identity text that was sealed, goes along with what binds it to the ledger. An access record is written first.

Exit codes: 3 the log is damaged; 5 the verifier is not there; 9 no checkpoint covers a record yet.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const log = await logFolderOf(input, context);
  const selector = await selectorOf(input, { log, context });
  if (selector === undefined) throw missing("which records are meant", SELECT_USAGE);
  const out = input.text("out");
  if (out === undefined) throw missing("where to", "--out DIR");
  const identities = await Promise.all(
    input.list("identity").map(async (path) => await readIdentities(resolve(context.cwd, path))),
  );
  const verifier = await readVerifier(input, context);
  await recordAccess(log, { input, context }, { verb: "log export", detail: describeSelector(selector) });
  await (await askWriter(log))?.checkpoint();
  const exported = await writeExport(
    log,
    { selector, out: resolve(context.cwd, out) },
    { open: openerOf(log, identities.flat()), verifier: () => Promise.resolve(verifier) },
  );
  const { records, texts, keys, size } = exported;
  return {
    data: exported,
    text: [
      `${plural(records, "record")}, ${texts} with text, ${plural(keys, "wrapped key")}, proven in a tree of ${plural(size, "record")}`,
      `in ${exported.out}: README.txt says how it is checked`,
    ].join("\n"),
  };
}

function openerOf(log: string, identities: readonly string[]): ExportDeps["open"] {
  const reader = createContentReader(log, identities);
  return async (line, record) => {
    const ref = payloadRef(record);
    const opened = ref === undefined ? undefined : await reader.open(line, ref);
    return opened?.kind === "text" ? opened : undefined;
  };
}

async function readVerifier(input: CommandInput, { cwd }: CommandContext): Promise<string> {
  const given = input.text("verifier");
  const path = given === undefined ? join(import.meta.dirname, VERIFIER) : resolve(cwd, given);
  return await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AppError(
      { class: "preflight", code: "VERIFIER_MISSING" },
      `Cannot export without what checks it: "${path}" cannot be read`,
      { cause, fields: { path }, hint: `--verifier FILE: the appliance has it as bin/${VERIFIER}` },
    );
  });
}

function missing(what: string, hint: string): AppError {
  return new AppError({ class: "usage", code: "USAGE" }, `Cannot export: ${what} was not said`, { hint });
}
