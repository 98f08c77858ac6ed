/** Asks a server on this machine, on a loopback port or a Unix socket: no proxy, no redirect, bounded in time and size. */
import { request } from "node:http";
import { AppError, messageOf } from "./errors.ts";

export type LocalServer = { readonly port: number } | { readonly socketPath: string };

export type LocalRequest = {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: string;
  readonly timeoutMs?: number;
  readonly limitBytes?: number;
};

export type LocalAnswer = { readonly status: number; readonly body: string };

const TIMEOUT_MS = 10_000;
const LIMIT_BYTES = 4 << 20;

/** Throws AppError LOCAL_SERVER_UNREACHABLE (unavailable): nobody listens, the time is over, or the answer is too long. */
export function askLocal(
  server: LocalServer,
  { method, path, body, ...limits }: LocalRequest,
): Promise<LocalAnswer> {
  const where =
    "port" in server ? { host: "127.0.0.1", port: server.port } : { socketPath: server.socketPath };
  const signal = AbortSignal.timeout(limits.timeoutMs ?? TIMEOUT_MS);
  const headers =
    body === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(unreachable(server, path, cause));
    const call = request({ ...where, method, path, headers, signal, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      answer.on("error", fail);
      answer.on("data", (chunk: Buffer) => {
        sizeBytes += chunk.length;
        chunks.push(chunk);
        if (sizeBytes <= (limits.limitBytes ?? LIMIT_BYTES)) return;
        fail(new Error("the answer is too long"));
        call.destroy();
      });
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    call.on("error", fail);
    call.end(body);
  });
}

function unreachable(server: LocalServer, path: string, cause: unknown): AppError {
  const name = "port" in server ? `port ${server.port}` : `"${server.socketPath}"`;
  return new AppError(
    { class: "unavailable", code: "LOCAL_SERVER_UNREACHABLE" },
    `Cannot ask ${name} for ${path}: ${messageOf(cause)}, expected an answer`,
    { cause, hint: "`cloister status` says whether it runs" },
  );
}
