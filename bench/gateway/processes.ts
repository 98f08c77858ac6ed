/** Processes that a measurement or a test starts beside itself, each ended by its own id. */
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PLAIN_ENVIRONMENT } from "../../src/shared/exec.ts";
import { askLocal } from "../../src/shared/local-http.ts";
import { startProgram, type RunningProgram } from "../../src/shared/program.ts";
import type { Job, DiskJob, DiskResult, LatencyJob, LatencyResult, StreamJob, StreamResult } from "./job.ts";

const HERE = import.meta.dirname;
const JOB_LIMIT_MS = 1_800_000;
const START_LIMIT_MS = 60_000;

export type Upstream = {
  readonly socket: string;
  readonly port: number;
  readonly program: RunningProgram;
  counts(): Promise<{ readonly asked: number; readonly whole: number }>;
};

export async function startUpstream(folder: string): Promise<Upstream> {
  const socket = join(folder, "upstream.sock");
  const port = await freePort();
  const program = await startChild("upstream-child.ts", [socket, String(port)]);
  return {
    socket,
    port,
    program,
    counts: async () =>
      JSON.parse((await askLocal({ port }, { method: "GET", path: "/stand-in/counts" })).body),
  };
}

export type Client = {
  latency(job: Omit<LatencyJob, "kind">): Promise<LatencyResult>;
  streams(job: Omit<StreamJob, "kind">): Promise<StreamResult>;
  disk(job: Omit<DiskJob, "kind">): Promise<DiskResult>;
  stop(): Promise<void>;
};

export async function startClient(folder: string): Promise<Client> {
  const socketPath = join(folder, "client.sock");
  const program = await startChild("client-child.ts", [socketPath]);
  async function run(job: Job): Promise<string> {
    const request = {
      method: "POST",
      path: "/",
      body: JSON.stringify(job),
      timeoutMs: JOB_LIMIT_MS,
    } as const;
    const { status, body } = await askLocal({ socketPath }, request);
    if (status !== 200) throw new Error(`The client could not do its job: ${body}`);
    return body;
  }
  return {
    latency: async (job) => JSON.parse(await run({ kind: "latency", ...job })),
    streams: async (job) => JSON.parse(await run({ kind: "streams", ...job })),
    disk: async (job) => JSON.parse(await run({ kind: "disk", ...job })),
    stop: async () => await program.stop(1_000),
  };
}

/** One of the programs beside this file, which prints "ready". */
export async function startChild(name: string, args: readonly string[]): Promise<RunningProgram> {
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  const program = await startProgram(process.execPath, [join(HERE, name), ...args], {
    onLine: (line) => {
      lines.push(line);
      if (line === "ready") ready.resolve();
    },
  });
  const gone = program.ended.then(() => {
    throw new Error(`${name} ended before it was ready: ${lines.join("\n")}`);
  });
  await Promise.race([ready.promise, gone]);
  gone.catch(() => undefined);
  return program;
}

/** Waits until something on the port answers HTTP, whatever it says. */
export async function untilAnswers(port: number, path: string, program: RunningProgram): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    try {
      await askLocal({ port }, { method: "GET", path, timeoutMs: 2_000 });
      return;
    } catch (error) {
      if (!program.isRunning() || performance.now() > deadline) throw error;
    }
    await sleep(20);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("No port was given");
  return address.port;
}

export function environment(more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ...PLAIN_ENVIRONMENT, ...more };
}
