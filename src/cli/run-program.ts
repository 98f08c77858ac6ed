/** From the words after a program's name to its exit code: for the command line, and for the gateway's program in its container. */
import type { Command, Outcome } from "../commands/command.ts";
import { readableJson, type Json } from "../shared/canonical-json.ts";
import { EXIT_CODES } from "../shared/errors.ts";
import { silentReporter } from "../shared/reporter.ts";
import { VERSION } from "../shared/version.ts";
import { describeFailure, EXIT_INTERRUPTED } from "./failure.ts";
import { commandHelp, groupHelp, overview } from "./help.ts";
import { parseInvocation, type Invocation } from "./parse.ts";
import { terminalReporter } from "./terminal-reporter.ts";

const VERDICT_EXIT_CODES = {
  pass: 0,
  "failed-check": EXIT_CODES["failed-check"],
  inconclusive: EXIT_CODES.inconclusive,
} as const;

export async function runProgram(words: readonly string[], commands: readonly Command[]): Promise<number> {
  process.stdout.on("error", leaveOnClosedPipe);
  const abort = abortOnSignal();
  let wantsJson = words.includes("--json");
  try {
    const invocation = parseInvocation(words, commands);
    wantsJson = invocation.kind === "run" && invocation.flags.json;
    if (invocation.kind !== "run") {
      process.stdout.write(textFor(invocation, commands));
      return 0;
    }
    return await perform(invocation, abort.signal);
  } catch (error) {
    const failure = describeFailure(error, abort.signal.aborted);
    if (wantsJson) printJson(failure.data);
    process.stderr.write(failure.text);
    return failure.exitCode;
  }
}

function textFor(invocation: Exclude<Invocation, { kind: "run" }>, commands: readonly Command[]): string {
  if (invocation.kind === "version") return `cloister ${VERSION}\n`;
  if (invocation.command !== undefined) return commandHelp(invocation.command);
  return invocation.group === undefined ? overview(commands) : groupHelp(invocation.group, commands);
}

async function perform(
  { command, input, flags }: Extract<Invocation, { kind: "run" }>,
  signal: AbortSignal,
): Promise<number> {
  const reporter = flags.quiet ? silentReporter : terminalReporter(process.stderr, Date.now);
  const context = { env: process.env, cwd: process.cwd(), reporter, signal, now: () => new Date() };
  const outcome = await command.run(input, context);
  if (outcome.stream !== undefined) for await (const piece of outcome.stream) process.stdout.write(piece);
  else if (flags.json) printJson(outcome.data);
  else process.stdout.write(textOf(outcome));
  return VERDICT_EXIT_CODES[outcome.verdict ?? "pass"];
}

function textOf({ text }: Outcome): string {
  return text.endsWith("\n") || text === "" ? text : `${text}\n`;
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
