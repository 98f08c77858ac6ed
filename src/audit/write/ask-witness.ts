import { request } from "node:http";
import { isErrno } from "../../shared/errors.ts";
import { formatAddCheckpoint, LOG_KEY_HEADER, type AddCheckpoint } from "../notes/add-checkpoint.ts";

export type WitnessReply =
  | { readonly kind: "cosigned"; readonly line: string }
  /** It has seen a tree of this size. */
  | { readonly kind: "conflict"; readonly size: number }
  /** It knows a log of this origin, and this is not that one: another key signs it, or it does not grow out of what was seen. */
  | { readonly kind: "disowned"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "unreachable"; readonly why: string };

export type AskWitness = (checkpoint: AddCheckpoint, logKey: string) => Promise<WitnessReply>;

const TIMEOUT_MS = 2_000;
const MAX_ANSWER_BYTES = 4_096;

/** A witness that listens on a Unix socket. */
export function witnessAt(socketPath: string): AskWitness {
  return async (checkpoint, logKey) => {
    const body = formatAddCheckpoint(checkpoint);
    try {
      const { status, text } = await post(socketPath, body, logKey);
      if (status === 200 && text.endsWith("\n")) return { kind: "cosigned", line: text };
      if (status === 409 && /^\d{1,16}\n$/.test(text)) return { kind: "conflict", size: Number(text) };
      // C2SP tlog-witness: no valid signature by a known key, and a consistency proof that does not hold.
      const isOther = status === 403 || status === 422;
      return { kind: isOther ? "disowned" : "refused", why: `${status} ${text.trim()}` };
    } catch (error) {
      if (error instanceof Error)
        return { kind: "unreachable", why: isErrno(error, "ENOENT") ? "nobody listens" : error.message };
      throw error;
    }
  };
}

async function post(
  socketPath: string,
  body: string,
  logKey: string,
): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const headers = { "content-length": Buffer.byteLength(body), [LOG_KEY_HEADER]: logKey };
    const options = {
      socketPath,
      method: "POST",
      path: "/add-checkpoint",
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    const asked = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_BYTES) response.destroy(new Error("the answer is too long"));
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
