#!/usr/bin/env node
/** Parses, calls one command, prints, sets the exit code. Nothing else in cloister prints or exits. */
import { COMMANDS } from "./cli/commands.ts";
import { describeFailure, EXIT_INTERRUPTED } from "./cli/failure.ts";
import { commandHelp, overview } from "./cli/help.ts";
import { parseInvocation, type Invocation } from "./cli/parse.ts";
import { terminalReporter } from "./cli/terminal-reporter.ts";
import type { Outcome } from "./commands/command.ts";
import { readableJson, type Json } from "./shared/canonical-json.ts";
import { EXIT_CODES } from "./shared/errors.ts";
import { silentReporter } from "./shared/reporter.ts";
import { VERSION } from "./shared/version.ts";

const VERDICT_EXIT_CODES = {
  pass: 0,
  "failed-check": EXIT_CODES["failed-check"],
  inconclusive: EXIT_CODES.inconclusive,
} as const;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  process.stdout.on("error", leaveOnClosedPipe);
  const abort = abortOnSignal();
  let wantsJson = words.includes("--json");
  try {
    const invocation = parseInvocation(words, COMMANDS);
    wantsJson = invocation.kind === "run" && invocation.flags.json;
    return await perform(invocation, abort.signal);
  } catch (error) {
    const failure = describeFailure(error, abort.signal.aborted);
    if (wantsJson) printJson(failure.data);
    process.stderr.write(failure.text);
    return failure.exitCode;
  }
}

async function perform(invocation: Invocation, signal: AbortSignal): Promise<number> {
  switch (invocation.kind) {
    case "version":
      process.stdout.write(`cloister ${VERSION}\n`);
      return 0;
    case "help":
      process.stdout.write(
        invocation.command === undefined ? overview(COMMANDS) : commandHelp(invocation.command),
      );
      return 0;
    case "run": {
      const { command, input, flags } = invocation;
      const reporter = flags.quiet ? silentReporter : terminalReporter(process.stderr, Date.now);
      const context = { env: process.env, cwd: process.cwd(), reporter, signal, now: () => new Date() };
      const outcome: Outcome = await command.run(input, context);
      if (flags.json) printJson(outcome.data);
      else
        process.stdout.write(
          outcome.text.endsWith("\n") || outcome.text === "" ? outcome.text : `${outcome.text}\n`,
        );
      return VERDICT_EXIT_CODES[outcome.verdict ?? "pass"];
    }
  }
}

function printJson(data: Json): void {
  process.stdout.write(readableJson(data));
}

/** The first signal lets the command take back what it half did; the second ends at once. */
function abortOnSignal(): AbortController {
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (abort.signal.aborted) process.exit(EXIT_INTERRUPTED);
      abort.abort();
    });
  }
  return abort;
}

/** `cloister … | head` is no defect. */
function leaveOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}
