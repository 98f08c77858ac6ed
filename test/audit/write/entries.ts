import type { Content, Entry } from "../../../src/audit/audit-log.ts";
import { PLAIN_KEY } from "../../../src/audit/payload.ts";

export function request(id: string): Entry {
  return {
    type: "req",
    id,
    method: "POST",
    route: "chat.completions",
    who: { client: "test", strength: "none" },
    genAi: {},
  };
}

export function answer(id: string, req: number): Entry {
  const raw = { sha256: "0".repeat(64), bytes: 1, frames: 1 };
  return { type: "res", id, req, outcome: "ok", status: 200, finish: ["stop"], durationMs: 1, raw };
}

export function text(value: string): Content {
  return { bytes: Buffer.from(value), key: PLAIN_KEY };
}
