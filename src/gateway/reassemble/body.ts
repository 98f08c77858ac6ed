/** An answer in one piece: its exact bytes, but for vectors. */
import { createByteStore } from "./byte-store.ts";
import type { AnswerKind, Fault, Reader } from "./reassembly.ts";
import { createVectorFilter } from "./vectors.ts";

export function createBodyReader(kind: AnswerKind, limitBytes: number): Reader {
  const kept = createByteStore();
  const faults = new Set<Fault>();
  const vectors = kind === "embeddings" ? createVectorFilter(keep) : undefined;

  function keep(bytes: Uint8Array): void {
    const room = limitBytes - kept.length;
    if (bytes.length > room) faults.add("answer-too-long");
    kept.append(bytes.subarray(0, room));
  }

  return {
    push(chunk) {
      if (vectors === undefined) keep(chunk);
      else vectors.push(chunk);
    },
    takeDelta: () => undefined,
    sawTerminal: () => false,
    terminalStart: false,
    frames: 0,
    pendingBytes: 0,
    get isFull() {
      return faults.has("answer-too-long");
    },
    finish() {
      vectors?.finish();
      const content = kept.pieces(0);
      return { content, outline: Buffer.concat(content).toString(), faults: Array.from(faults) };
    },
  };
}
