import { AppError } from "../../shared/errors.ts";
import { askLocal } from "../../shared/local-http.ts";
import { listUpstreams, type Upstream, type Upstreams } from "../upstream.ts";

export type Health = {
  /** `ok`: requests are answered. `degraded`: they are, but somebody should look. `loading` and `closed`: they are not. */
  readonly status: "ok" | "degraded" | "loading" | "closed";
  /** In one sentence, where it is not ok. */
  readonly reason?: string;
};

const TIMEOUT_MS = 2_000;

/**
 * llama-server's list of models, with what a client needs of it: no path, no parameter of the file. Of several servers those that
 * answer are listed; undefined where none does.
 */
export async function askModels(upstreams: Upstreams): Promise<string | undefined> {
  const lists = (await Promise.all(listUpstreams(upstreams).map(modelsOf))).filter(
    (one) => one !== undefined,
  );
  return lists.length === 0 ? undefined : JSON.stringify({ object: "list", data: lists.flat() });
}

/** Whether its model is loaded and answers. */
export async function isUpstreamReady({ socketPath }: Upstream): Promise<boolean> {
  return (await ask(socketPath, "/health"))?.status === 200;
}

async function modelsOf({ socketPath }: Upstream) {
  const answer = await ask(socketPath, "/v1/models");
  if (answer?.status !== 200) return undefined;
  const listed: unknown = JSON.parse(answer.body);
  const data: unknown = Object(listed).data;
  return Array.isArray(data) ? data.map(nameOf) : undefined;
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
