/** What llama-server would take badly is refused here, with a reason. */
import { isUtf8 } from "node:buffer";
import { findRemote } from "./find-remote.ts";
import type { Refusal } from "./refusal.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export type CheckedBody = { readonly fields: JsonObject };

/** llama-server answers broken JSON with 500, takes any model's name, and fetches what a message names where it can see. */
export function checkBody(bytes: Uint8Array, alias: string): CheckedBody | Refusal {
  const fields = parse(bytes);
  if (fields === undefined)
    return { status: 400, code: "invalid_json", message: "The request's body is no JSON object" };
  const { model } = fields;
  if (model !== undefined && model !== alias)
    return {
      status: 404,
      code: "model_not_found",
      message: `There is no model ${typeof model === "string" ? `"${model.slice(0, 200)}"` : "of that name"} on this route, only "${alias}"`,
    };
  const remote = findRemote(fields);
  if (remote !== undefined)
    return {
      status: 400,
      code: "remote_content",
      message: `${remote} names something that would have to be fetched; only data: URLs are taken`,
    };
  return { fields };
}

function parse(bytes: Uint8Array): JsonObject | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"),
    );
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
