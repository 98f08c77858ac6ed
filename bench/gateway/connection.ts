import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { createAnswerReader } from "./answer-reader.ts";

export type Connection = {
  /** One request at a time. `onBody` is called with the answer's body, in the pieces in which it came. */
  ask(request: Buffer, onBody: (bytes: Buffer) => void): Promise<{ readonly status: number }>;
  close(): void;
};

/** Keeps one connection for all requests and opens another where the server closed it between two of them. */
export function openConnection(port: number): Connection {
  let socket: Socket | undefined;
  return {
    ask: async (request, onBody) => {
      if (socket === undefined || socket.destroyed || socket.readableEnded) socket = await open(port);
      return await exchange(socket, request, onBody);
    },
    close: () => socket?.destroy(),
  };
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

function exchange(
  socket: Socket,
  request: Buffer,
  onBody: (bytes: Buffer) => void,
): Promise<{ readonly status: number }> {
  return new Promise((resolve, reject) => {
    const reader = createAnswerReader(onBody);
    const settle = (error?: unknown): void => {
      socket.off("data", onData).off("error", settle).off("close", onClose);
      if (error === undefined) resolve({ status: reader.status });
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      reader.push(chunk);
      if (reader.done) settle();
    };
    const onClose = (): void => settle(new Error("The connection was closed before the answer's end"));
    socket.on("data", onData).on("error", settle).on("close", onClose);
    socket.write(request);
  });
}
