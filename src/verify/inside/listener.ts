import { createServer, type Socket } from "node:net";
import { listenAt } from "../../shared/listen.ts";

export type Listener = { readonly address: string; readonly port: number; close(): Promise<void> };

/** A TCP listener that takes every connection, reads what comes and says nothing. Closing it ends what is still open, whoever holds it. */
export async function openListener(address: string): Promise<Listener> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.resume();
  });
  await listenAt(server, { port: 0, host: address });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("The listener has no port");
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return { address, port: bound.port, close };
}
