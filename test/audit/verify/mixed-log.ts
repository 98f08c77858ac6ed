import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { ANNA, BERT, converse, maintenanceOf, settle } from "../maintain/people.ts";
import { request } from "../write/entries.ts";
import { openScratchLog, scratchFolder } from "../write/scratch-log.ts";

/** A small log in which most of what a log can have stands: two segments, a purge, a new signing key, many kinds of records. */
export async function mixedLog(): Promise<{ readonly log: string; readonly keys: string }> {
  const at = await scratchFolder();
  const { log } = await openScratchLog(at);
  await converse(log, { user: ANNA }, { prompt: "her question", reply: "her answer" });
  await converse(log, { user: BERT }, { prompt: "his question", reply: "his answer" });
  await log.rotate("verb");
  await settle(log);
  await maintenanceOf(log).purge({ selector: { by: "user", user: ANNA }, reason: "asked for", by: "dpo" });
  await log.renewSigningKey();
  const { seq } = log.append(request("abandoned"));
  log.append({ type: "abandon", id: "abandoned", req: seq });
  log.append({ type: "clock", backMs: 5 });
  await converse(log, { user: BERT }, { prompt: "another question", reply: "another answer" });
  await log.close();
  return at;
}

/** Without sockets; gone when the test is. */
export async function copyOfLog(log: string): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "copy-"));
  onTestFinished(async () => await rm(parent, { recursive: true, force: true }));
  const folder = join(parent, "log");
  await cp(log, folder, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  return folder;
}

/** A folder with room for a log, gone when the test is. */
export async function passingFolder(): Promise<{ readonly log: string; readonly keys: string }> {
  const at = await scratchFolder();
  onTestFinished(async () => await removeLog(at));
  return at;
}

export async function removeLog({ log }: { readonly log: string }): Promise<void> {
  await rm(dirname(log), { recursive: true, force: true });
}
