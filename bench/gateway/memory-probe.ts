/**
 * Goes into the gateway's process: node --expose-gc --import ./memory-probe.ts, with MEMORY_PROBE as the socket to listen on. It answers
 * with the bytes that are held once all garbage was collected: objects, buffers and what native code has told of.
 */
import { createServer } from "node:http";

createServer((_, response) => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  response.end(String(heapUsed + external));
})
  .listen(process.env["MEMORY_PROBE"])
  .unref();
