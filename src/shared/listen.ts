/** Servers that listen, and that end with what is still open. */
import { chmod, rm } from "node:fs/promises";
import type { Server as HttpServer } from "node:http";
import type { ListenOptions, Server } from "node:net";

/** Rejects with what the system says: EADDRINUSE, EACCES, … */
export async function listenAt(server: Server, where: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, resolve);
  });
}

/** Its owner and its group may connect, and nobody else: whoever it is for has that group. */
const SOCKET_MODE = 0o660;

/** On a Unix socket, in the place of one that an earlier process left. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  await listenAt(server, { path });
  await chmod(path, SOCKET_MODE);
}

/** Whatever is still asked over it is cut off. Does nothing to a server that has ended already. */
export async function endServer(server: HttpServer): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
