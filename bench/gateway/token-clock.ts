/** Reads a stream of chat completion chunks and notes when each token's text arrived. */
import { createHash } from "node:crypto";

export type TokenClock = {
  readonly push: (bytes: Buffer) => void;
  finish(): {
    readonly text: string;
    /** When the read that brought each token returned. */
    readonly times: readonly number[];
    /** Reads that brought at least one token. */
    readonly reads: number;
    readonly ended: boolean;
    readonly sha256: string;
  };
};

const TOKEN = /"content":"((?:[^"\\]|\\.)*)"/;

export function createTokenClock(): TokenClock {
  const hash = createHash("sha256");
  const times: number[] = [];
  const tokens: string[] = [];
  let rest = "";
  let reads = 0;
  let lastRead = Number.NaN;
  let ended = false;
  return {
    push: (bytes) => {
      const now = performance.now();
      hash.update(bytes);
      const events = (rest + bytes.toString("latin1")).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const [, token] = TOKEN.exec(event) ?? [];
        if (event === "data: [DONE]") ended = true;
        if (token === undefined || token === "") continue;
        tokens.push(token);
        times.push(now);
        if (now !== lastRead) reads += 1;
        lastRead = now;
      }
    },
    finish: () => ({ text: tokens.join(""), times, reads, ended, sha256: hash.digest("hex") }),
  };
}
