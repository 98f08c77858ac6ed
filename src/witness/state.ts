/** What the witness must never forget: the newest checkpoint that it cosigned, of each log. */
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseCheckpoint, type Checkpoint } from "../audit/notes/checkpoint.ts";
import { parseVerifier } from "../audit/notes/keys.ts";
import { parseNote } from "../audit/notes/signed-note.ts";
import { AppError, isErrno, messageOf } from "../shared/errors.ts";
import { syncPath, writeFileWhole } from "../shared/file.ts";
import { compileSchema, parseAs, type Validator } from "../shared/schema.ts";

export type Head = {
  readonly origin: string;
  /** Verifier key that the log is known by: the one of its first checkpoint, or one that the log's key before vouched for. */
  readonly logKey: string;
  /** The signed note with our cosignature. */
  readonly note: string;
};

export type WitnessState = {
  /** undefined for a log that was never seen. Throws AppError WITNESS_STATE (integrity) where what is there cannot be read. */
  head(origin: string): Promise<Head | undefined>;
  heads(): Promise<readonly Head[]>;
  /** Durable when it resolves. */
  remember(head: Head): Promise<void>;
};

const validate: Validator<Head> = compileSchema<Head>({
  type: "object",
  additionalProperties: false,
  required: ["origin", "logKey", "note"],
  properties: { origin: { type: "string" }, logKey: { type: "string" }, note: { type: "string" } },
});

export async function openWitnessState(folder: string): Promise<WitnessState> {
  const heads = join(folder, "heads");
  await mkdir(heads, { recursive: true, mode: 0o700 });
  await syncPath(folder);
  const pathOf = (origin: string): string => join(heads, `${originHash(origin)}.json`);

  return {
    head: async (origin) => {
      try {
        const head = parseHead(await readFile(pathOf(origin), "utf8"));
        if (head.origin !== origin) throw invalid("it is of another log");
        return head;
      } catch (error) {
        // Gone is gone: whoever can delete this file can delete the witness. What cannot be read is never taken for a beginning.
        if (isErrno(error, "ENOENT")) return undefined;
        throw error;
      }
    },
    heads: async () => {
      const names = (await readdir(heads)).filter((name) => name.endsWith(".json")).sort();
      return await Promise.all(
        names.map(async (name) => parseHead(await readFile(join(heads, name), "utf8"))),
      );
    },
    remember: async (head) => {
      await writeFileWhole(pathOf(head.origin), `${JSON.stringify(head)}\n`, 0o600);
      await syncPath(heads);
    },
  };
}

/** C2SP tlog-witness names a log by this where it has to stand in a path. */
export function originHash(origin: string): string {
  return createHash("sha256").update(origin).digest("hex");
}

export function checkpointOf({ note }: Head): Checkpoint {
  return parseCheckpoint(parseNote(note).text);
}

function parseHead(text: string): Head {
  const head = parseAs(text, { validate, invalid });
  try {
    parseVerifier(head.logKey);
    if (checkpointOf(head).origin === head.origin) return head;
  } catch (error) {
    throw invalid(messageOf(error));
  }
  throw invalid("its note is of another log");
}

function invalid(why: string): AppError {
  return new AppError(
    { class: "integrity", code: "WITNESS_STATE" },
    `Cannot go on as witness: what was remembered is damaged: ${why}`,
    {
      hint: "Compare the log with the anchors that were carried out before anything is removed",
    },
  );
}
