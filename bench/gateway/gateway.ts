/** Our own gateway as a process, with a log, keys and a configuration in one folder, so that it can be killed and started again. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GatewayConfig } from "../../src/shared/gateway-config.ts";
import { startProgram, type RunningProgram } from "../../src/shared/program.ts";
import { environment, freePort, untilAnswers } from "./processes.ts";

const MAIN = join(import.meta.dirname, "../../src/gateway/main.ts");
const SEGMENT_BYTES = 1 << 26;
const OUTPUT_LINES = 20;

export type GatewayOptions = {
  /** Everything of this gateway lies below it. */
  readonly folder: string;
  readonly upstreamSocket: string;
  readonly mode?: GatewayConfig["log"]["mode"];
  readonly content?: GatewayConfig["log"]["content"];
  readonly recipients?: readonly string[];
  readonly alias?: string;
  readonly native?: readonly string[];
  readonly maxSegmentBytes?: number;
  readonly reserveBytes?: number;
  /** A free one unless told. */
  readonly port?: number;
  /** JSON list of clients that have a key. */
  readonly clients?: string;
  /** Where the log lies, where that is not below `folder`. */
  readonly log?: string;
  readonly env?: Readonly<Record<string, string>>;
};

export type Gateway = {
  readonly port: number;
  readonly socket: string;
  readonly log: string;
  /** The process that was launched last. */
  program(): RunningProgram;
  /** What that process wrote, its last lines. */
  output(): string;
  /** Resolves when the process is there. */
  launch(): Promise<void>;
  /** Resolves when it answers as well. */
  start(): Promise<void>;
};

/** Written, not started. */
export async function prepareGateway(options: GatewayOptions): Promise<Gateway> {
  const { folder } = options;
  const port = options.port ?? (await freePort());
  const config = configOf(options, port);
  await mkdir(folder, { recursive: true });
  await mkdir(config.log.folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "gateway.json");
  await writeFile(path, JSON.stringify(config, undefined, 2));
  let program: RunningProgram | undefined;
  let lines: string[] = [];
  async function launch(): Promise<RunningProgram> {
    const own: string[] = [];
    lines = own;
    program = await startProgram(process.execPath, [MAIN, "serve", "--config", path], {
      env: environment(options.env ?? {}),
      onLine: (line) => own.push(line),
    });
    return program;
  }
  return {
    port,
    socket: config.listen.socket,
    log: config.log.folder,
    program: () => {
      if (program === undefined) throw new Error("The gateway was not started");
      return program;
    },
    output: () => lines.slice(-OUTPUT_LINES).join("\n"),
    launch: async () => void (await launch()),
    start: async () => {
      const program = await launch();
      await untilAnswers(port, "/health", program).catch(async (error: unknown) => {
        await program.kill();
        throw new Error(`The gateway does not answer: ${lines.join("\n")}`, { cause: error });
      });
    },
  };
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = await prepareGateway(options);
  await gateway.start();
  return gateway;
}

function configOf(options: GatewayOptions, port: number): GatewayConfig {
  const { folder } = options;
  return {
    format: 1,
    listen: { tcp: { host: "127.0.0.1", port }, socket: join(folder, "gateway.sock") },
    upstream: { socket: options.upstreamSocket },
    model: { alias: options.alias ?? "demo", sha256: `sha256:${"0".repeat(64)}` },
    images: [],
    log: {
      folder: options.log ?? join(folder, "log"),
      mode: options.mode ?? "request",
      content: options.content ?? "plain",
      recipients: options.recipients ?? [],
      zone: "UTC",
      maxSegmentBytes: options.maxSegmentBytes ?? SEGMENT_BYTES,
      retention: { content: 90, ledger: 366 },
      reserveBytes: options.reserveBytes ?? 0,
    },
    keys: {
      signing: join(folder, "log.key"),
      pepper: join(folder, "pepper"),
      ...(options.clients === undefined ? {} : { clients: options.clients }),
    },
    policy: { native: options.native ?? [], maxBodyBytes: 1 << 24, allowOrigins: [] },
  };
}
