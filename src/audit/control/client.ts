/** A verb's side of writer.sock. */
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { askLocal } from "../../shared/local-http.ts";
import { parseAs, type Validator } from "../../shared/schema.ts";
import { WRITER_SOCKET } from "../layout.ts";
import type { LogService } from "./log-service.ts";
import {
  isEmpty,
  isKey,
  isPurgeOutcome,
  isRetainOutcome,
  isSegment,
  isSentError,
  isSeq,
  isStatus,
} from "./messages.ts";

/** A purge reads and rewrites what years have brought. */
const TIMEOUT_MS = 6 * 3_600_000;
/** A plan names every range of records. */
const LIMIT_BYTES = 1 << 28;

/** undefined where nobody writes this log. Throws AppError CONTROL_ANSWER (engine), and what the writer throws. */
export async function askWriter(folder: string): Promise<LogService | undefined> {
  const service = serviceAt(join(folder, WRITER_SOCKET));
  try {
    await service.status();
    return service;
  } catch (error) {
    const { cause } = error instanceof AppError ? error : { cause: undefined };
    if (["ENOENT", "ENOTDIR", "ECONNREFUSED"].some((code) => isErrno(cause, code))) return undefined;
    throw error;
  }
}

function serviceAt(socketPath: string): LogService {
  async function post<T>(path: string, asked: object, validate: Validator<T>): Promise<T> {
    const limits = { timeoutMs: TIMEOUT_MS, limitBytes: LIMIT_BYTES };
    const request = { method: "POST", path, body: JSON.stringify(asked), ...limits } as const;
    return read(await askLocal({ socketPath }, request), validate);
  }

  return {
    status: async () => read(await askLocal({ socketPath }, { method: "GET", path: "/status" }), isStatus),
    purge: async (asked) => await post("/purge", asked, isPurgeOutcome),
    retain: async (asked) => await post("/retain", asked, isRetainOutcome),
    hold: async (asked) => (await post("/hold", asked, isSeq)).seq,
    rotate: async () => (await post("/rotate", {}, isSegment)).segment,
    renewSigningKey: async () => (await post("/key", {}, isKey)).key,
    checkpoint: async () => {
      await post("/checkpoint", {}, isEmpty);
    },
    access: async (asked) => (await post("/access", asked, isSeq)).seq,
  };
}

function read<T>({ status, body }: { status: number; body: string }, validate: Validator<T>): T {
  if (status === 200) return parseAs(body, { validate, invalid: unexpected });
  const { error } = parseAs(body, { validate: isSentError, invalid: unexpected });
  const { code, message, hint, fields } = error;
  throw new AppError({ class: error.class, code }, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(fields === undefined ? {} : { fields }),
  });
}

function unexpected(why: string): AppError {
  return new AppError(
    { class: "engine", code: "CONTROL_ANSWER" },
    `Cannot read what the log's writer answered: ${why}`,
    { hint: "Is it of the same release?" },
  );
}
