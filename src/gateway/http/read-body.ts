import type { IncomingMessage } from "node:http";
import type { Refusal } from "./refusal.ts";

/** Whole, because it is on the disk before anybody else sees it. A client that goes away meanwhile is `gone`. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | Refusal | "gone"> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return tooLarge(maxBytes);
  if (request.destroyed) return "gone";
  return await new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        // What still comes is taken and dropped: a client that is cut off while it sends may never read why.
        request.removeAllListeners("data");
        resolve(tooLarge(maxBytes));
      } else chunks.push(chunk);
    });
    request.once("end", () => {
      resolve(Buffer.concat(chunks));
      // The request lives on with its listeners until it is answered.
      chunks.length = 0;
    });
    request.once("close", () => resolve("gone"));
    request.once("error", () => resolve("gone"));
  });
}

function tooLarge(maxBytes: number): Refusal {
  return {
    status: 413,
    code: "body_too_large",
    message: `The request's body is larger than ${maxBytes} bytes`,
  };
}
