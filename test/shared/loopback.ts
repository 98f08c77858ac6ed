/** A real HTTP server on the loopback address, and a list of what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export type Loopback = {
  /** Ends in "/". */
  readonly url: string;
  /** `path` or `path bytes=N-` of each request, in order. */
  readonly requests: string[];
  close(): Promise<void>;
};

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export async function startLoopback(handler: Handler): Promise<Loopback> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const range = request.headers.range;
    requests.push(range === undefined ? (request.url ?? "") : `${request.url} ${range}`);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    requests,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Serves the bytes as a mirror does: with its length, and from an offset where asked. */
export function answerWith(bytes: Uint8Array): Handler {
  return (request, response) => {
    const start = startOf(request);
    if (start > bytes.length) return void response.writeHead(416).end();
    const head = { "content-length": bytes.length - start };
    if (start === 0) response.writeHead(200, head);
    else
      response.writeHead(206, {
        ...head,
        "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
      });
    response.end(bytes.subarray(start));
  };
}

export type Breaking = {
  readonly handler: Handler;
  /** To be told how many bytes have arrived: the connection breaks once all that were sent have. */
  readonly arrived: (count: number) => void;
};

/** Promises the whole, sends `count` bytes of it at a time and breaks off. */
export function breakEvery(bytes: Uint8Array, count: number): Breaking {
  let end = 0;
  let open: ServerResponse | undefined;
  return {
    handler: (request, response) => {
      const start = startOf(request);
      end = start + count;
      open = response;
      response.writeHead(start === 0 ? 200 : 206, {
        "content-length": bytes.length - start,
        ...(start === 0 ? {} : { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
      });
      response.write(bytes.subarray(start, end));
    },
    arrived: (received) => {
      if (received >= end) open?.destroy();
    },
  };
}

function startOf(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
}

/** A mirror: the bytes that `served` gives for a path at the time of the request, else 404. */
export async function startMirror(served: (path: string) => Buffer | undefined): Promise<Loopback> {
  return await startLoopback((request, response) => {
    const bytes = served(decodeURIComponent(request.url ?? "").slice(1));
    if (bytes === undefined) response.writeHead(404).end();
    else answerWith(bytes)(request, response);
  });
}
