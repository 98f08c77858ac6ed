/** A request's parameters under the names of OpenTelemetry's GenAI conventions (gen_ai.request.*; status "development", 2026). */
import type { Entry } from "../../audit/audit-log.ts";
import type { Route } from "../routes/table.ts";
import type { JsonObject } from "./check-body.ts";

type GenAi = Extract<Entry, { type: "req" }>["genAi"];

const NUMBERS = {
  temperature: "gen_ai.request.temperature",
  top_p: "gen_ai.request.top_p",
  top_k: "gen_ai.request.top_k",
  max_tokens: "gen_ai.request.max_tokens",
  max_completion_tokens: "gen_ai.request.max_tokens",
  max_output_tokens: "gen_ai.request.max_tokens",
  n_predict: "gen_ai.request.max_tokens",
  seed: "gen_ai.request.seed",
  n: "gen_ai.request.choice.count",
  frequency_penalty: "gen_ai.request.frequency_penalty",
  presence_penalty: "gen_ai.request.presence_penalty",
} as const;

const OPERATIONS: Readonly<Partial<Record<Route["kind"], string>>> = {
  chat: "chat",
  responses: "chat",
  messages: "chat",
  completion: "text_completion",
  native: "text_completion",
  embeddings: "embeddings",
};

export function genAiOf(route: Route, fields: JsonObject, alias: string): GenAi {
  const genAi: Record<string, string | number | boolean> = {
    "gen_ai.operation.name": OPERATIONS[route.kind] ?? route.name,
    "gen_ai.request.model": alias,
  };
  for (const [key, name] of Object.entries(NUMBERS)) {
    const value = fields[key];
    if (typeof value === "number" && Number.isFinite(value)) genAi[name] = value;
  }
  if (fields["stream"] === true) genAi["gen_ai.request.stream"] = true;
  return genAi;
}
