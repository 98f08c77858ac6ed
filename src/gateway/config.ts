import { readFile } from "node:fs/promises";
import { AppError, messageOf } from "../shared/errors.ts";
import type { GatewayConfig } from "../shared/gateway-config.ts";
import { compileSchema, parseAs, type Validator } from "../shared/schema.ts";
import schema from "./config.schema.json" with { type: "json" };

const validate: Validator<GatewayConfig> = compileSchema<GatewayConfig>(schema);

/** Throws AppError GATEWAY_CONFIG (usage). */
export async function readGatewayConfig(path: string): Promise<GatewayConfig> {
  return parseAs(await readText(path), { validate, invalid: (why) => invalid(path, why) });
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
