/** What the demo shows of the audit log: that it verifies, and that the chat can be read out of an export, proven without cloister. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { CONTENT_FILE, LOG_KEY_FILE, VERIFIER_FILE } from "../../audit/export/layout.ts";
import { exec } from "../../shared/exec.ts";
import { at, textAt } from "../../verify/json.ts";
import type { Chat } from "./chat.ts";
import type { FarSide } from "./far-side.ts";

export type AuditShown = {
  readonly verdict: string;
  readonly records: number;
  readonly cosigned: number;
  /** Question and answer stand in the export, opened with the identity. */
  readonly hasChat: boolean;
  /** log-verify.mjs of the export said so, run with nothing else. */
  readonly proven: boolean;
  readonly export: string;
};

export async function showAudit(
  far: FarSide,
  { chat, identity, out }: { readonly chat: Chat; readonly identity: string; readonly out: string },
): Promise<AuditShown> {
  const { data } = await far.run(["log", "verify"], [3, 8]);
  const records = Number(at(data, "records"));
  const folder = join(out, "log-export");
  await rm(folder, { recursive: true, force: true });
  const selection = ["--seq", `0-${records - 1}`, "--identity", identity];
  await far.run(["log", "export", ...selection, "--out", folder]);
  const content = await readFile(join(folder, CONTENT_FILE), "utf8");
  const key = (await readFile(join(folder, LOG_KEY_FILE), "utf8")).trim();
  const check = [join(folder, VERIFIER_FILE), folder, "--log-key", key];
  const { exitCode } = await exec(process.execPath, check, { env: {}, cwd: "/", accept: [1, 2, 3] });
  return {
    verdict: textAt(data, "verdict") ?? "unknown",
    records,
    cosigned: Number(at(data, "cosigned")),
    hasChat: [chat.question, chat.answer].every((text) => content.includes(escaped(text))),
    proven: exitCode === 0,
    export: folder,
  };
}

/** As it stands within a JSON text that is itself a string of JSON. */
function escaped(text: string): string {
  const once = JSON.stringify(text).slice(1, -1);
  return JSON.stringify(once).slice(1, -1);
}
