import type { Answer } from "./upstream.ts";

export type Paced = {
  readonly answer: Answer;
  /** The client has got something. */
  readonly arrived: () => void;
};

/** A stream that sends each of `events` once the client has got the one before: no clock decides what comes together. */
export function pacedBy(events: readonly string[]): Paced {
  const waiting: { resolve?: () => void } = {};
  return {
    answer: async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const [index, event] of events.entries()) {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.resolve = resolve;
        response.write(event);
        // What ends the answer may be held back until it has ended.
        if (index < events.length - 1) await promise;
      }
      response.end();
    },
    arrived: () => waiting.resolve?.(),
  };
}
