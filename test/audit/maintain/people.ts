/** A log in which several people have asked, and what is left of what they wrote. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import type { AuditLog, Entry } from "../../../src/audit/audit-log.ts";
import { createMaintenance, type MaintenanceOptions } from "../../../src/audit/maintain/maintenance.ts";
import { answer, request } from "../write/entries.ts";

export const ANNA = "a".repeat(32);
export const BERT = "b".repeat(32);
export const CHAT = "c".repeat(32);

let count = 0;

/** Asks and answers; returns the numbers of both records. */
export async function converse(
  log: AuditLog,
  who: { readonly user: string; readonly conversation?: string },
  texts: { readonly prompt: string; readonly reply: string },
): Promise<readonly [number, number]> {
  count += 1;
  const id = `r${count}`;
  const key = await log.contentKey(who.user);
  const asked = log.append(askedBy(id, who), { bytes: Buffer.from(texts.prompt), key });
  const answered = log.append(answer(id, asked.seq), { bytes: Buffer.from(texts.reply), key });
  await answered.durable;
  return [asked.seq, answered.seq];
}

export function askedBy(id: string, who: { readonly user?: string; readonly conversation?: string }): Entry {
  const entry = request(id);
  if (entry.type !== "req") throw new Error(entry.type);
  return { ...entry, who: { ...entry.who, ...who } };
}

export function maintenanceOf(log: AuditLog, options: Partial<MaintenanceOptions> = {}) {
  return createMaintenance(log, { now: Date.now, isIdle: false, ...options });
}

/** Files below the log's folder in which a text stands, as bytes or in what they unpack to, once nothing is compressed any more. */
export async function filesWith(log: AuditLog, text: string): Promise<readonly string[]> {
  await settle(log);
  const { folder } = log;
  const found: string[] = [];
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of names) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const unpacked = path.endsWith(".zst") ? zstdDecompressSync(bytes) : Buffer.alloc(0);
    if (bytes.includes(text) || unpacked.includes(text)) found.push(path);
  }
  return found;
}

/** Waits until whatever was queued to compress sealed segments is done. */
export async function settle(log: AuditLog): Promise<void> {
  await log.exclusively(() => Promise.resolve());
}
