/** Holds many live streams at once and prints what one costs against its text, and once it is ready for the log; run with --expose-gc. */
import { PLAIN_KEY } from "../../../src/audit/payload.ts";
import { encodePayload } from "../../../src/audit/write/encode-payload.ts";
import { createReassembly } from "../../../src/gateway/reassemble/reassembly.ts";
import { chatChunk, SSE } from "./assemble.ts";

const STREAMS = 32;
const TOKENS = 10_000;
const TOKEN = " word";
/** Tokens between two parts, as the gateway writes them every 16 KiB. */
const TOKENS_IN_PART = 3_277;
const TEXT_BYTES = STREAMS * TOKENS * TOKEN.length;

const chunk = Buffer.from(chatChunk({ content: TOKEN }));
const before = usedBytes();
const live = Array.from({ length: STREAMS }, () => createReassembly("chat", SSE));
for (let token = 0; token < TOKENS; token += 1)
  for (const reassembly of live) {
    reassembly.push(chunk);
    if (token % TOKENS_IN_PART === 0) reassembly.takeDelta();
  }
const streaming = ratio();
const finished = live.map((reassembly) => reassembly.finish());
const whole = ratio();
const lines = finished.map(({ content }) => encodePayload(1, { bytes: content, key: PLAIN_KEY }));
const encoded = ratio();
const { frames } = live[0] ?? {};
process.stdout.write(JSON.stringify({ streaming, whole, encoded, frames, lines: lines.length }));

function ratio(): number {
  return (usedBytes() - before) / TEXT_BYTES;
}

function usedBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
