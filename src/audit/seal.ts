/** Keys for content: one of each owner and day, kept on the disk only as age made it for the operator. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Encrypter } from "age-encryption";
import { AppError, isErrno, messageOf } from "../shared/errors.ts";
import { syncPath, writeFileWhole } from "../shared/file.ts";
import type { ContentKey } from "./audit-log.ts";
import { keysPath } from "./layout.ts";
import { PLAIN_KEY } from "./payload.ts";
import type { ContentMode } from "./record.ts";

export type Sealer = {
  key(owner: string): Promise<ContentKey>;
  dropKeys(day: string, ids: ReadonlySet<string>): Promise<number>;
};

export type SealerOptions = {
  readonly folder: string;
  readonly content: ContentMode;
  readonly recipients: readonly string[];
  readonly today: () => string;
};

/** One line of keys/<day>.jsonl. */
export type WrappedKey = {
  readonly key: string;
  readonly owner: string;
  /** An age file in base64. */
  readonly wrapped: string;
};

const SECRET_BYTES = 32;
const ID_BYTES = 6;

/** Throws AppError RECIPIENT_INVALID (usage). */
export function createSealer({ folder, content, recipients, today }: SealerOptions): Sealer {
  const encrypter = encrypterFor(recipients);
  const keys = new Map<string, { readonly day: string; readonly key: Promise<ContentKey> }>();
  let last: Promise<unknown> = Promise.resolve();

  /** One change of a key file at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  }

  async function makeKey(owner: string, day: string): Promise<ContentKey> {
    const key = { id: `${day}.${randomBytes(ID_BYTES).toString("hex")}`, secret: randomBytes(SECRET_BYTES) };
    if (content !== "sealed") return key;
    const wrapped = Buffer.from(await encrypter.encrypt(key.secret)).toString("base64");
    const line: WrappedKey = { key: key.id, owner, wrapped };
    await inTurn(async () => appendDurably(keysPath(folder, day), `${JSON.stringify(line)}\n`));
    return key;
  }

  return {
    key: async (owner) => {
      if (content === "plain") return PLAIN_KEY;
      const day = today();
      const known = keys.get(owner);
      if (known?.day === day) return await known.key;
      const key = makeKey(owner, day);
      keys.set(owner, { day, key });
      key.catch(() => keys.delete(owner));
      return await key;
    },
    dropKeys: async (day, ids) =>
      await inTurn(async () => {
        for (const [owner, { key }] of keys) if (ids.has((await key).id)) keys.delete(owner);
        return await removeLines(keysPath(folder, day), ids);
      }),
  };
}

function encrypterFor(recipients: readonly string[]): Encrypter {
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (error) {
      throw new AppError(
        { class: "usage", code: "RECIPIENT_INVALID" },
        `Cannot seal the log to "${recipient}": ${messageOf(error)}, expected an age recipient`,
        { cause: error, hint: "age-keygen prints one that begins with age1" },
      );
    }
  }
  return encrypter;
}

/** Of every key that is still there. */
export async function readWrappedKeys(folder: string, day: string): Promise<readonly WrappedKey[]> {
  return (await linesOf(keysPath(folder, day))).flatMap((line) => parseWrappedKey(line) ?? []);
}

/** undefined for a line that a crash cut off: what it was for was never acknowledged. */
function parseWrappedKey(line: string): WrappedKey | undefined {
  try {
    const { key, owner, wrapped }: Partial<Record<string, unknown>> = { ...Object(JSON.parse(line)) };
    if (typeof key === "string" && typeof owner === "string" && typeof wrapped === "string")
      return { key, owner, wrapped };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

async function removeLines(path: string, ids: ReadonlySet<string>): Promise<number> {
  const lines = await linesOf(path);
  const kept = lines.filter((line) => !ids.has(parseWrappedKey(line)?.key ?? ""));
  if (kept.length === lines.length) return 0;
  await writeFileWhole(path, kept.map((line) => `${line}\n`).join(""), 0o600);
  await syncPath(dirname(path));
  return lines.length - kept.length;
}

async function linesOf(path: string): Promise<readonly string[]> {
  try {
    return (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

async function appendDurably(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, "a", 0o600);
  try {
    const { size } = await file.stat();
    // What a crash left of a line ends here, so that this one begins its own.
    await file.writeFile(size > 0 && !(await endsLine(path, size)) ? `\n${line}` : line);
    await file.datasync();
    if (size === 0) await syncPath(dirname(path));
  } finally {
    await file.close();
  }
}

async function endsLine(path: string, size: number): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer[0] === 0x0a;
  } finally {
    await file.close();
  }
}
