import { AppError } from "../../shared/errors.ts";
import { askLocal } from "../../shared/local-http.ts";

export type Health = {
  /** `ok`: requests are answered. `degraded`: they are, but somebody should look. `loading` and `closed`: they are not. */
  readonly status: "ok" | "degraded" | "loading" | "closed";
  /** In one sentence, where it is not ok. */
  readonly reason?: string;
};

const TIMEOUT_MS = 2_000;

/** llama-server's list of models, with what a client needs of it: no path, no parameter of the file. undefined where it gives none. */
export async function askModels(socketPath: string): Promise<string | undefined> {
  const answer = await ask(socketPath, "/v1/models");
  if (answer?.status !== 200) return undefined;
  const listed: unknown = JSON.parse(answer.body);
  const data: unknown = Object(listed).data;
  if (!Array.isArray(data)) return undefined;
  return JSON.stringify({ object: "list", data: data.map(nameOf) });
}

/** Whether the model is loaded and answers. */
export async function isUpstreamReady(socketPath: string): Promise<boolean> {
  return (await ask(socketPath, "/health"))?.status === 200;
}

function nameOf(model: unknown) {
  const { id, created }: Partial<Record<string, unknown>> = { ...Object(model) };
  return {
    id: typeof id === "string" ? id : "",
    object: "model",
    created: typeof created === "number" ? created : 0,
    owned_by: "cloister",
  };
}

async function ask(socketPath: string, path: string) {
  try {
    return await askLocal({ socketPath }, { method: "GET", path, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
