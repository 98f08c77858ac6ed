/** Runs a verb of the log as the command line would, and gathers what it prints. */
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseInvocation } from "../../../src/cli/parse.ts";
import type { CommandContext, Outcome } from "../../../src/commands/command.ts";
import { LOG_COMMANDS } from "../../../src/commands/log.ts";
import { silentReporter } from "../../../src/shared/reporter.ts";

/** A state folder's audit/: the log, and the keys beside it. */
export async function auditFolder(): Promise<{
  readonly log: string;
  readonly keys: string;
  readonly root: string;
}> {
  const root = await mkdtemp(join(tmpdir(), "audit-"));
  await chmod(root, 0o755);
  await mkdir(join(root, "audit/keys"), { recursive: true });
  await writeFile(join(root, "audit/keys/pepper"), `${"ab".repeat(32)}\n`, { mode: 0o600 });
  return { root, log: join(root, "audit/log"), keys: join(root, "audit/keys/log.key") };
}

export type Ran = Outcome & { readonly printed: string; readonly notes: readonly string[] };

export async function runLog(
  root: string,
  words: readonly string[],
  options: { readonly signal?: AbortSignal; readonly onPiece?: (piece: string) => void } = {},
): Promise<Ran> {
  const invocation = parseInvocation(["log", ...words], LOG_COMMANDS);
  if (invocation.kind !== "run") throw new Error(invocation.kind);
  const notes: string[] = [];
  const context: CommandContext = {
    env: { CLOISTER_STATE: root, USER: "tester" },
    cwd: root,
    reporter: { ...silentReporter, note: (text) => notes.push(text) },
    signal: options.signal ?? new AbortController().signal,
    now: () => new Date(),
  };
  const outcome = await invocation.command.run(invocation.input, context);
  let printed = outcome.text;
  if (outcome.stream !== undefined)
    for await (const piece of outcome.stream) {
      printed += piece;
      options.onPiece?.(piece);
    }
  return { ...outcome, printed, notes };
}
