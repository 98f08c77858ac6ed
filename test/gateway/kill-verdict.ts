import { exec } from "../../src/shared/exec.ts";
import { join } from "node:path";

const VERIFIER = join(import.meta.dirname, "../../src/audit/verify/main.ts");

/** As an auditor has it: the program that is shipped beside a log, in a process of its own. */
export async function verdictOf(log: string): Promise<string> {
  const { stdout } = await exec(process.execPath, [VERIFIER, log], { accept: [3, 8], timeoutMs: 300_000 });
  return stdout;
}
