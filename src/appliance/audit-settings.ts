/** How an operator wants the log kept: said once, kept in the state folder, changed by saying it again. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { AppError, isErrno, messageOf } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import type { GatewayConfig } from "../shared/gateway-config.ts";
import { compileSchema, parseAs, type Validator } from "../shared/schema.ts";
import { auditFolder } from "./state.ts";

type LogSettings = GatewayConfig["log"];

export type AuditSettings = { readonly format: 1 } & Pick<
  LogSettings,
  "content" | "recipients" | "mode" | "zone" | "retention"
>;

export type AuditWishes = {
  /** age recipients who can read what is logged. */
  readonly recipients: readonly string[];
  /** A new age identity is written to this file, and its recipient taken. */
  readonly newKeyFile?: string;
  readonly plain: boolean;
  readonly mode?: LogSettings["mode"];
  readonly zone?: string;
  readonly content?: number | "session";
  readonly ledger?: number;
};

/** The longest of the usual terms: nobody loses what he has not decided on. */
const DEFAULT_RETENTION = { content: 183, ledger: 366 } as const;

const validate: Validator<AuditSettings> = compileSchema<AuditSettings>({
  type: "object",
  additionalProperties: false,
  required: ["format", "content", "recipients", "mode", "zone", "retention"],
  properties: {
    format: { const: 1 },
    content: { enum: ["sealed", "plain", "session"] },
    recipients: { type: "array", items: { type: "string" } },
    mode: { enum: ["request", "strict", "async"] },
    zone: { type: "string" },
    retention: {
      type: "object",
      additionalProperties: false,
      required: ["content", "ledger"],
      properties: {
        content: { anyOf: [{ type: "integer", minimum: 1 }, { const: "session" }] },
        ledger: { type: "integer", minimum: 1 },
      },
    },
  },
});

/**
 * What was kept, changed by what is wished. Throws AppError AUDIT_RECIPIENT_MISSING (preflight) where nobody has said who can read the
 * log, IDENTITY_EXISTS (usage), AUDIT_SETTINGS_INVALID (integrity).
 */
export async function settleAuditSettings(stateRoot: string, wishes: AuditWishes): Promise<AuditSettings> {
  const path = join(auditFolder(stateRoot), "settings.json");
  const known = await readSettings(path);
  const reading = await readingOf(wishes, known);
  const retention = {
    content: wishes.content ?? known?.retention.content ?? DEFAULT_RETENTION.content,
    ledger: wishes.ledger ?? known?.retention.ledger ?? DEFAULT_RETENTION.ledger,
  };
  const isSession = retention.content === "session";
  const settings: AuditSettings = {
    format: 1,
    content: isSession ? "session" : reading.content,
    recipients: isSession ? [] : reading.recipients,
    mode: wishes.mode ?? known?.mode ?? "request",
    zone: wishes.zone ?? known?.zone ?? "UTC",
    retention,
  };
  refuseShortLedger(settings);
  await writeFileWhole(path, `${JSON.stringify(settings, undefined, 2)}\n`, 0o600);
  return settings;
}

/** undefined where nothing was ever said. */
export async function readAuditSettings(stateRoot: string): Promise<AuditSettings | undefined> {
  return await readSettings(join(auditFolder(stateRoot), "settings.json"));
}

async function readingOf(
  wishes: AuditWishes,
  known: AuditSettings | undefined,
): Promise<Pick<AuditSettings, "content" | "recipients">> {
  if (wishes.plain) return { content: "plain", recipients: [] };
  const fresh = wishes.newKeyFile === undefined ? [] : [await writeIdentity(wishes.newKeyFile)];
  const recipients = [...wishes.recipients, ...fresh];
  if (recipients.length > 0) return { content: "sealed", recipients };
  if (known !== undefined && known.content !== "session") return known;
  if (wishes.content === "session" || known?.content === "session")
    return { content: "session", recipients: [] };
  throw new AppError(
    { class: "preflight", code: "AUDIT_RECIPIENT_MISSING" },
    "Cannot start: every prompt is logged, and nobody has said who can read the log",
    {
      hint: "--log-recipient age1… (from age-keygen), or --log-new-key FILE to make a key here and carry it away, or --log-plain to seal nothing",
    },
  );
}

/** Never over a file that is there: it may be the only key to a log. */
async function writeIdentity(path: string): Promise<string> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  try {
    await readFile(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    await writeFileWhole(path, `# public key: ${recipient}\n${identity}\n`, 0o600);
    return recipient;
  }
  throw new AppError(
    { class: "usage", code: "IDENTITY_EXISTS" },
    `Cannot write a new key to "${path}": a file is there already`,
    { fields: { path }, hint: "It may be the only key to a log; name another file" },
  );
}

function refuseShortLedger({ retention: { content, ledger } }: AuditSettings): void {
  if (content === "session" || ledger >= content) return;
  throw new AppError(
    { class: "usage", code: "RETENTION_INVALID" },
    `Cannot keep text for ${content} days and the ledger that it belongs to for ${ledger}: expected at least as long`,
  );
}

async function readSettings(path: string): Promise<AuditSettings | undefined> {
  try {
    return parseAs(await readFile(path, "utf8"), { validate, invalid: (why) => new Error(why) });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw new AppError(
      { class: "integrity", code: "AUDIT_SETTINGS_INVALID" },
      `Cannot use the audit log's settings "${path}": ${messageOf(error)}`,
      { cause: error, fields: { path } },
    );
  }
}
