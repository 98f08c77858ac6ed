import { AppError } from "../../shared/errors.ts";
import { askLocal } from "../../shared/local-http.ts";

/** What llama-server has counted since it started. */
export type Counters = { readonly input: Range; readonly output: Range };

/** A whole number that is not known better. */
export type Range = { readonly least: number; readonly most: number };

const NAMES = {
  uncached: "llamacpp:prompt_tokens_total",
  cached: "llamacpp:prompt_tokens_cached_total",
  output: "llamacpp:tokens_predicted_total",
} as const;
/** Of a number that llama-server writes, because C++'s streams do: a count from a million on comes rounded, as 1.23457e+06. */
const DIGITS = 6;

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

/** Prometheus text, as llama-server writes it with --metrics. Throws AppError COUNTERS_MISSING (engine). */
export function parseCounters(text: string): Counters {
  const [uncached, cached] = [countOf(text, NAMES.uncached), countOf(text, NAMES.cached)];
  return {
    input: { least: uncached.least + cached.least, most: uncached.most + cached.most },
    output: countOf(text, NAMES.output),
  };
}

function countOf(text: string, name: string): Range {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  const found = /^\d+(?:\.\d+)?(?:e\+(\d+))?$/.exec(line?.slice(name.length + 1) ?? "");
  if (found !== null) return rangeOf(Number(found[0]), found[1]);
  throw new AppError(
    { class: "engine", code: "COUNTERS_MISSING" },
    `Cannot compare the log with llama-server: its metrics have no "${name}"`,
    { hint: "It must be started with --metrics" },
  );
}

function rangeOf(value: number, exponent: string | undefined): Range {
  const off = exponent === undefined ? 0 : 10 ** (Number(exponent) - DIGITS + 1) / 2;
  return { least: Math.ceil(value - off), most: Math.floor(value + off) };
}
