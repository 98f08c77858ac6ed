/**
 * Who writes a log listens on writer.sock in its folder, and nobody else writes. A socket and not a file with a process number,
 * because the gateway and a verb on the host live in different process namespaces; and it is where verbs ask.
 */
import { randomBytes } from "node:crypto";
import { lstatSync } from "node:fs";
import { chmod, link, rename, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { endServer, listenAt } from "../../shared/listen.ts";
import { WRITER_SOCKET } from "../layout.ts";

export type LogLock = {
  /** Listens on writer.sock; whoever takes the log says what it answers. */
  readonly server: Server;
  /** False once somebody took writer.sock away or put another in its place. */
  isHeld(): boolean;
  release(): Promise<void>;
};

const CONNECT_TIMEOUT_MS = 2_000;

/** Throws AppError LOG_BUSY (preflight). */
export async function takeLog(folder: string): Promise<LogLock> {
  const path = join(folder, WRITER_SOCKET);
  const own = join(folder, `.${WRITER_SOCKET}.${randomBytes(6).toString("hex")}`);
  const server = createServer();
  await listenAt(server, { path: own });
  try {
    await chmod(own, 0o600);
    await claim(own, path);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(own, { force: true });
  }
  const { ino } = lstatSync(path);
  const isHeld = (): boolean => lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
  return {
    server,
    isHeld,
    release: async () => {
      if (isHeld()) await rm(path, { force: true });
      await endServer(server);
    },
  };
}

/** The first link under the name wins. One that nobody answers on was left by a process that is gone. */
async function claim(own: string, path: string): Promise<void> {
  if (await linked(own, path)) return;
  if (await answers(path)) throw busy(path);
  const stale = `${own}.stale`;
  await rename(path, stale).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
  // Between our question and the rename another one may have cleared the way and taken the name: then what we moved is alive.
  const tookALiveOne = await answers(stale);
  if (tookALiveOne) await rename(stale, path);
  else await rm(stale, { force: true });
  if (tookALiveOne || !(await linked(own, path))) throw busy(path);
}

async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      if (isErrno(error, "ECONNREFUSED") || isErrno(error, "ENOENT")) resolve(false);
      else reject(error);
    });
  });
}

function busy(path: string): AppError {
  return new AppError(
    { class: "preflight", code: "LOG_BUSY" },
    `Cannot write to the log: another process does, and listens on "${path}"`,
    { fields: { path } },
  );
}
