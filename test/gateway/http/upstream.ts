/** A server in llama-server's place, on a Unix socket: it answers as a test tells it to, and remembers what it was asked. */
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

type Received = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Answer = (response: ServerResponse, received: Received) => void | Promise<void>;

export type Upstream = {
  readonly socketPath: string;
  readonly received: readonly Received[];
  /** Answers that were cut by whoever asked. */
  readonly cut: () => number;
  stop(): Promise<void>;
};

/** On a new socket, or on that of one that was stopped. */
export async function startUpstream(answer: Answer, at?: string): Promise<Upstream> {
  const socketPath = at ?? join(await mkdtemp(join(tmpdir(), "upstream-")), "llama.sock");
  const received: Received[] = [];
  let cut = 0;
  const server = createServer(
    (request, response) =>
      void read(request).then((body) => {
        response.on("close", () => (cut += response.writableFinished ? 0 : 1));
        const { method = "", url = "", headers } = request;
        const one = { method, url, headers, body };
        received.push(one);
        return answer(response, one);
      }),
  );
  server.listen(socketPath);
  await once(server, "listening");
  return {
    socketPath,
    received,
    cut: () => cut,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export function json(value: unknown, status = 200): Answer {
  return (response) => {
    const body = JSON.stringify(value);
    response.writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  };
}

/** A chat completion in one piece. */
export const CHAT = {
  object: "chat.completion",
  model: "demo",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hello there" } }],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
};

/** Vectors of two texts, of seven tokens together: upstream says no other count. */
export const VECTORS = {
  model: "embed",
  object: "list",
  usage: { prompt_tokens: 7, total_tokens: 7 },
  data: [0, 1].map((index) => ({ embedding: [0.25, -0.5], index, object: "embedding" })),
};

export function frame(content: string): string {
  return `data: ${JSON.stringify({ object: "chat.completion.chunk", choices: [{ index: 0, delta: { content } }] })}\n\n`;
}

export const LAST_FRAME = `data: ${JSON.stringify({
  object: "chat.completion.chunk",
  choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
})}\n\n`;
export const DONE = "data: [DONE]\n\n";

/** Each of `frames` in a write of its own; `then` ends it. */
export function stream(
  frames: readonly string[],
  intervalMs = 5,
  then: (response: ServerResponse) => void = (response) => response.end(),
): Answer {
  return async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
    response.flushHeaders();
    for (const one of frames) {
      if (response.destroyed) return;
      response.write(one);
      await sleep(intervalMs);
    }
    then(response);
  };
}

/** As fast as it is taken, until it is cut. */
export function endless(
  piece: string,
  { first = "", onWritten }: { readonly first?: string; readonly onWritten?: (bytes: number) => void } = {},
): Answer {
  return async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (first !== "") response.write(first);
    let written = 0;
    while (!response.destroyed) {
      written += piece.length;
      onWritten?.(written);
      if (!response.write(piece)) await drained(response);
    }
  };
}

/** Also where it never will be, because its reader left. */
export async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    function end(): void {
      response.off("drain", end).off("close", end);
      resolve();
    }
    response.on("drain", end).on("close", end);
  });
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
