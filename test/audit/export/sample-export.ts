/** A log in which three people talk in four conversations, and exports of it that are checked as their reader would check them. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { AuditLog } from "../../../src/audit/audit-log.ts";
import { createLogService } from "../../../src/audit/control/log-service.ts";
import { answerControl } from "../../../src/audit/control/server.ts";
import { LOG_KEY_FILE, VERIFIER_FILE } from "../../../src/audit/export/layout.ts";
import type { Exported } from "../../../src/audit/export/write-export.ts";
import { bundleProgram, VERIFIER_ENTRY } from "../../../src/builder/bundle.ts";
import { exec, type ExecResult } from "../../../src/shared/exec.ts";
import { auditFolder, runLog } from "../../commands/log/run-log.ts";
import { ANNA, BERT, converse, maintenanceOf } from "../maintain/people.ts";
import { openScratchLog } from "../write/scratch-log.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
export const CLARA = "e".repeat(32);

/** Pseudonyms of conversations; the first two are of one person. */
export const ILLNESS = "1".repeat(32);
export const HOLIDAY = "2".repeat(32);
export const SALARY = "3".repeat(32);
export const GARDEN = "4".repeat(32);

type Talk = { readonly user: string; readonly prompt: string; readonly reply: string };

/** Text that shells, JSON and jq treat in their own ways is among them. */
export const TALKS: Readonly<Record<string, Talk>> = {
  [ILLNESS]: {
    user: ANNA,
    prompt: "does my \"knee\" need\nan 'operation'? $(id) `id` \\0 ü\u2028\u0000",
    reply: "ask 🩺",
  },
  [HOLIDAY]: { user: ANNA, prompt: "where is it warm in March", reply: "on La Palma" },
  [SALARY]: { user: BERT, prompt: "what may I ask for as a joiner", reply: "four thousand" },
  [GARDEN]: { user: CLARA, prompt: "when do I sow radishes", reply: "from April on" },
};

export type SampleLog = {
  readonly root: string;
  readonly log: AuditLog;
  /** File of the identity that sealed text is for. */
  readonly identity: string;
  /** Runs `log export` for one conversation. */
  readonly hand: (conversation: string, out: string, words?: readonly string[]) => Promise<Exported>;
  /** Ends the log; nothing of it is left. */
  readonly remove: () => Promise<void>;
};

export type SampleOptions = {
  readonly content: "plain" | "sealed";
  /** File of the program that checks exports. */
  readonly verifier: string;
  /** How often each conversation goes on; between two rounds a segment ends. */
  readonly rounds?: number;
  /** In the place of every reply. */
  readonly reply?: string;
};

/** Everybody asks in turn: no conversation's records lie side by side. */
export async function sampleLog({ content, verifier, rounds = 2, reply }: SampleOptions): Promise<SampleLog> {
  const at = await auditFolder();
  const secret = await generateX25519Identity();
  const identity = join(at.root, "identity.txt");
  await writeFile(identity, `# kept by the auditor\n${secret}\n`);
  const recipients = content === "sealed" ? [await identityToRecipient(secret)] : [];
  const { log, server } = await openScratchLog(at, { content, recipients });
  answerControl(server, createLogService(log, maintenanceOf(log)), () => undefined);
  let isThere = true;
  for (let round = 1; round <= rounds; round += 1) {
    for (const [conversation, { user, ...talk }] of Object.entries(TALKS)) {
      const texts = { prompt: `${round}: ${talk.prompt}`, reply: `${round}: ${reply ?? talk.reply}` };
      await converse(log, { user, conversation }, texts);
    }
    if (round < rounds) await log.rotate("verb");
  }
  await log.checkpoint();
  return {
    root: at.root,
    log,
    identity,
    hand: async (conversation, out, words = []) => {
      const select = ["--conversation", conversation, "--out", out, "--verifier", verifier];
      // The command's data is what writeExport returns.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return (await runLog(at.root, ["export", ...select, ...words])).data as Exported;
    },
    remove: async () => {
      if (!isThere) return;
      isThere = false;
      await log.close();
      await rm(at.root, { recursive: true });
    },
  };
}

/** The file that the appliance has as bin/log-verify.mjs, in a folder of its own. */
export async function bundledVerifier(folder: string): Promise<string> {
  const path = join(await mkdtemp(join(folder, "verifier-")), VERIFIER_FILE);
  await writeFile(path, (await bundleProgram(REPOSITORY, VERIFIER_ENTRY)).code);
  return path;
}

/** The program of the export itself, from elsewhere, with an environment that has nothing in it. */
export async function checkAlone(
  folder: string,
  { key, words = [] }: { readonly key?: string; readonly words?: readonly string[] } = {},
): Promise<ExecResult> {
  const logKey = key ?? (await readFile(join(folder, LOG_KEY_FILE), "utf8")).trim();
  return await exec(process.execPath, [join(folder, VERIFIER_FILE), folder, "--log-key", logKey, ...words], {
    env: {},
    cwd: "/",
    accept: [1, 2, 3, 8],
  });
}

/** Every file below a folder by its path there. */
export async function filesOf(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(
    paths.sort().map(async (path) => [path.slice(folder.length + 1), await readFile(path)] as const),
  );
  return new Map(files);
}
