/** What dockerode throws, sorted by whose fault it is. */
import { AppError, messageOf } from "../errors.ts";

const NOBODY_THERE = ["ENOENT", "ECONNREFUSED", "EACCES", "ENOTSOCK", "ENOTFOUND"];
const BROKE_OFF = ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "ERR_STREAM_PREMATURE_CLOSE"];

/** The HTTP status of an engine's refusal; undefined where no engine answered. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;
}

/** ENGINE_ABSENT (preflight), ENGINE_LOST, ENGINE_REFUSED (engine); anything else as it is. */
export function engineFailure(error: unknown, what: string, address: string): unknown {
  if (error instanceof AppError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (NOBODY_THERE.includes(code)) return engineAbsent(address, error);
  if (BROKE_OFF.includes(code) || messageOf(error) === "socket hang up")
    return engineLost(what, address, error);
  if (statusOf(error) === undefined) return error;
  return engineRefused(what, reasonOf(error), error);
}

export function engineRefused(what: string, reason: string, cause?: unknown): AppError {
  return new AppError(
    { class: "engine", code: "ENGINE_REFUSED" },
    `Cannot ${what}: the engine says "${reason}"`,
    {
      cause,
      fields: { reason },
    },
  );
}

export function engineLost(what: string, address: string, cause?: unknown): AppError {
  return new AppError(
    { class: "engine", code: "ENGINE_LOST" },
    `Cannot ${what}: the engine at "${address}" broke off, expected an answer to the end`,
    {
      cause,
      hint: "See whether the engine still runs, start it, and run the command again",
      fields: { address },
    },
  );
}

function engineAbsent(address: string, cause: unknown): AppError {
  return new AppError(
    { class: "preflight", code: "ENGINE_ABSENT" },
    `Cannot reach an engine at "${address}": ${messageOf(cause)}, expected a listening Docker engine`,
    {
      cause,
      hint: "Start the engine, or name its socket with --engine unix:///path/to/docker.sock",
      fields: { address },
    },
  );
}

function reasonOf(error: unknown): string {
  const json: unknown = error instanceof Error && "json" in error ? error.json : undefined;
  if (typeof json === "object" && json !== null && "message" in json) return String(json.message);
  return messageOf(error);
}
