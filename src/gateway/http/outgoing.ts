import type { ServerResponse } from "node:http";
import { responseHeaders } from "./headers.ts";

/** The client's side of an answer. Its head goes out with its first byte: until then the client can still be refused. */
export type Outgoing = {
  head(status: number, upstream: Readonly<Record<string, string | string[] | undefined>>): void;
  /** The head alone: who waits for a stream's first event knows that it was heard. */
  flushHead(): void;
  /** False where the client reads more slowly than this comes: wait for `onDrain`. */
  send(chunks: readonly Uint8Array[]): boolean;
  onDrain(then: () => void): void;
  end(chunks: readonly Uint8Array[]): void;
  /** Ends it so that the client sees that it is not whole. */
  cut(): void;
  /** The client has been told a status. */
  readonly hasBegun: boolean;
};

/** `own` headers stand on every answer of the gateway. */
export function createOutgoing(response: ServerResponse, own: Readonly<Record<string, string>>): Outgoing {
  let writeHead: (() => void) | undefined;

  function begin(): void {
    writeHead?.();
    writeHead = undefined;
  }

  function send(chunks: readonly Uint8Array[]): boolean {
    if (chunks.length > 0) begin();
    let isFlowing = true;
    for (const chunk of chunks) isFlowing = response.write(chunk);
    return isFlowing;
  }

  return {
    head: (status, upstream) => {
      writeHead = () => response.writeHead(status, { ...responseHeaders(upstream), ...own });
    },
    flushHead: () => {
      begin();
      response.flushHeaders();
    },
    send,
    onDrain: (then) => response.once("drain", then),
    end: (chunks) => {
      begin();
      send(chunks);
      response.end();
    },
    cut: () => response.destroy(),
    get hasBegun() {
      return response.headersSent;
    },
  };
}
