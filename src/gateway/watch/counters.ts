import { AppError } from "../../shared/errors.ts";
import { askLocal } from "../../shared/local-http.ts";
import type { Usage } from "../../audit/record.ts";

/** What llama-server has counted since it started. */
export type Counters = Required<Usage>;

const NAMES = {
  uncached: "llamacpp:prompt_tokens_total",
  cached: "llamacpp:prompt_tokens_cached_total",
  output: "llamacpp:tokens_predicted_total",
} as const;

/** Over its Unix socket; undefined where it does not answer. Throws AppError COUNTERS_MISSING (engine). */
export async function readCounters(socketPath: string): Promise<Counters | undefined> {
  try {
    const { status, body } = await askLocal({ socketPath }, { method: "GET", path: "/metrics" });
    return status === 200 ? parseCounters(body) : undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === "LOCAL_SERVER_UNREACHABLE") return undefined;
    throw error;
  }
}

/** Prometheus text, as llama-server writes it with --metrics. */
export function parseCounters(text: string): Counters {
  const cached = valueOf(text, NAMES.cached);
  return { input: valueOf(text, NAMES.uncached) + cached, cached, output: valueOf(text, NAMES.output) };
}

function valueOf(text: string, name: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  const value = Number(line?.slice(name.length + 1));
  if (line !== undefined && Number.isFinite(value)) return value;
  throw new AppError(
    { class: "engine", code: "COUNTERS_MISSING" },
    `Cannot compare the log with llama-server: its metrics have no "${name}"`,
    { hint: "It must be started with --metrics" },
  );
}
