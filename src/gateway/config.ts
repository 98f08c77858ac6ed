import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { AppError, messageOf } from "../shared/errors.ts";
import type { GatewayConfig } from "../shared/gateway-config.ts";
import { compileSchema, parseAs, type Validator } from "../shared/schema.ts";
import schema from "./config.schema.json" with { type: "json" };

const validate: Validator<GatewayConfig> = compileSchema<GatewayConfig>(schema);

/** Throws AppError GATEWAY_CONFIG (usage). */
export async function readGatewayConfig(path: string): Promise<GatewayConfig> {
  const config = parseAs(await readText(path), { validate, invalid: (why) => invalid(path, why) });
  const why = sharedByTwo(config);
  if (why !== undefined) throw invalid(path, why);
  return config;
}

/** Two servers that cannot be told apart would be counted twice, or asked for what the other does. */
function sharedByTwo({ upstream, model, embedding }: GatewayConfig): string | undefined {
  if (embedding === undefined) return undefined;
  if (resolve(embedding.socket) === resolve(upstream.socket))
    return `/embedding/socket is "${embedding.socket}" as in /upstream, expected another server's`;
  if (embedding.alias === model.alias)
    return `/embedding/alias is "${embedding.alias}" as in /model, expected another name`;
  return undefined;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw invalid(path, messageOf(error));
  }
}

function invalid(path: string, why: string): AppError {
  return new AppError(
    { class: "usage", code: "GATEWAY_CONFIG" },
    `Cannot start the gateway with "${path}": ${why}`,
    { hint: "The schema is src/gateway/config.schema.json", fields: { path } },
  );
}
