/** Holds many live streams at once and prints what one costs against its text; run with --expose-gc. */
import { createReassembly } from "../../../src/gateway/reassemble/reassembly.ts";
import { chatChunk, SSE } from "./assemble.ts";

const STREAMS = 32;
const TOKENS = 10_000;
const TOKEN = " word";
/** Tokens between two parts, as the gateway writes them every 16 KiB. */
const TOKENS_IN_PART = 3_277;

const chunk = Buffer.from(chatChunk({ content: TOKEN }));
const before = usedBytes();
const live = Array.from({ length: STREAMS }, () => createReassembly("chat", SSE));
for (let token = 0; token < TOKENS; token += 1)
  for (const reassembly of live) {
    reassembly.push(chunk);
    if (token % TOKENS_IN_PART === 0) reassembly.takeDelta();
  }
const cost = (usedBytes() - before) / STREAMS;
process.stdout.write(JSON.stringify({ ratio: cost / (TOKENS * TOKEN.length), frames: live[0]?.frames }));

function usedBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
