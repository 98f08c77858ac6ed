/** The program of the gateway's image: one file, and what it does is its first word. */
import { parseArgs } from "node:util";
import { runProgram } from "../cli/run-program.ts";
import { LOG_COMMANDS } from "../commands/log.ts";
import { AppError, EXIT_CODES, messageOf } from "../shared/errors.ts";
import { askLocal } from "../shared/local-http.ts";
import { VERSION } from "../shared/version.ts";
import { serveWitness } from "../witness/serve.ts";
import { readGatewayConfig } from "./config.ts";
import { pause } from "./pause.ts";
import { serve } from "./serve.ts";

const HELP = `cloister-gateway ${VERSION}

serve --config FILE                 answer requests, and write each of them down first
witness --socket PATH --state DIR   remember the log's newest checkpoint, and cosign what grows out of it
pause                               do nothing: hold a network namespace for others
health --socket PATH                exit 0 if whoever listens there says that it is well
log VERB                            the audit log: log --help says what
`;

const DEFECT = 1;

process.exitCode = await main(process.argv.slice(2));

async function main([verb = "--help", ...words]: readonly string[]): Promise<number> {
  try {
    switch (verb) {
      case "serve": {
        const { config = "" } = options(words, ["config"]);
        const serving = await serve(await readGatewayConfig(config), note);
        note(`listening${serving.port === undefined ? "" : ` on port ${serving.port}`}`);
        await untilTold();
        await serving.close();
        return 0;
      }
      case "witness": {
        const { socket = "", state = "" } = options(words, ["socket", "state"]);
        const witness = await serveWitness({ socket, folder: state });
        note(`witness ${witness.vkey}`);
        await untilTold();
        await witness.close();
        return 0;
      }
      case "pause":
        await pause(aborted());
        return 0;
      case "log":
        return await runProgram(["log", ...words], LOG_COMMANDS);
      case "health":
        return await health(options(words, ["socket"])["socket"] ?? "");
      default:
        process.stdout.write(HELP);
        return verb === "--help" ? 0 : EXIT_CODES.usage;
    }
  } catch (error) {
    if (error instanceof AppError) {
      note(error.message);
      if (error.hint !== undefined) note(error.hint);
      return error.exitCode;
    }
    note(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return DEFECT;
  }
}

/** Operational words go to standard error, never anybody's text. */
function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function options(
  words: readonly string[],
  names: readonly string[],
): Readonly<Record<string, string | undefined>> {
  try {
    const known = Object.fromEntries(names.map((name) => [name, { type: "string" } as const]));
    const { values } = parseArgs({ args: [...words], options: known, strict: true });
    const missing = names.find((name) => values[name] === undefined);
    if (missing !== undefined) throw new Error(`--${missing} is missing`);
    return values;
  } catch (error) {
    throw new AppError({ class: "usage", code: "USAGE" }, `Cannot start: ${messageOf(error)}`);
  }
}

async function health(socketPath: string): Promise<number> {
  const { status, body } = await askLocal({ socketPath }, { method: "GET", path: "/health" });
  if (status === 200) return 0;
  note(body);
  return EXIT_CODES.engine;
}

async function untilTold(): Promise<void> {
  const signal = aborted();
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** The first signal asks for an orderly end, the second does not wait for it. */
function aborted(): AbortSignal {
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      if (abort.signal.aborted) process.exit(DEFECT);
      abort.abort();
    });
  return abort.signal;
}
