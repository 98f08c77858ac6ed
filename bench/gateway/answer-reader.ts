/** Reads one HTTP/1.1 answer off a socket as it comes, so that a client can say when each part of a body arrived. */
export type AnswerReader = {
  /** Takes what one read of the socket gave. */
  push(chunk: Buffer): void;
  readonly status: number;
  readonly done: boolean;
};

const HEAD_END = Buffer.from("\r\n\r\n");

type Framing =
  | { readonly kind: "length"; left: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" };

/** `onBody` gets the body's bytes without the framing of chunks, in the pieces in which they came. */
export function createAnswerReader(onBody: (bytes: Buffer) => void): AnswerReader {
  let rest: Buffer = Buffer.alloc(0);
  let framing: Framing | undefined;
  let status = 0;
  let done = false;
  /** Bytes of the current chunk that are still to come, its line break included. */
  let chunkLeft = 0;

  function readHead(): boolean {
    const end = rest.indexOf(HEAD_END);
    if (end < 0) return false;
    const head = rest.subarray(0, end).toString("latin1").toLowerCase();
    rest = rest.subarray(end + HEAD_END.length);
    status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    if (/\r\ntransfer-encoding: *chunked/.test(head)) framing = { kind: "chunked" };
    else framing = length === undefined ? { kind: "close" } : { kind: "length", left: Number(length) };
    return true;
  }

  function readLength(body: { left: number }): void {
    const part = rest.subarray(0, body.left);
    rest = rest.subarray(part.length);
    body.left -= part.length;
    if (part.length > 0) onBody(part);
    done = body.left === 0;
  }

  function readChunks(): void {
    while (rest.length > 0) {
      if (chunkLeft === 0) {
        const end = rest.indexOf("\r\n");
        if (end < 0) return;
        const size = Number.parseInt(rest.subarray(0, end).toString("latin1"), 16);
        // The last chunk has no trailers here: one empty line ends it.
        if (size === 0 && rest.length < end + 4) return;
        rest = rest.subarray(end + 2);
        if (size === 0) {
          done = true;
          return;
        }
        chunkLeft = size + 2;
      }
      const part = rest.subarray(0, chunkLeft);
      const bytes = part.subarray(0, Math.max(0, chunkLeft - 2));
      rest = rest.subarray(part.length);
      chunkLeft -= part.length;
      if (bytes.length > 0) onBody(bytes);
    }
  }

  return {
    push: (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      if (framing === undefined && !readHead()) return;
      if (framing?.kind === "length") readLength(framing);
      else if (framing?.kind === "chunked") readChunks();
      else if (rest.length > 0) {
        onBody(rest);
        rest = Buffer.alloc(0);
      }
    },
    get status() {
      return status;
    },
    get done() {
      return done;
    },
  };
}
